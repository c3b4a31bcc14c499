/** Processes that ended, were killed, or were not ready within the start-up time. */
import { waitedText } from '../../supervisor/events.ts';
import { progressText } from '../../supervisor/progress.ts';
import { seen } from '../log-lines.ts';
import type { Rule } from '../rule.ts';

/** The kernel killed a process for lack of memory: only its counters prove that, an exit by SIGKILL does not. */
export const killedByKernel: Rule = {
  id: 'killed-by-kernel',
  kind: 'cause',
  sees: 'SIGKILL while `oom_kill` in memory.events of the control group, or in /proc/vmstat, rose',
  fixes: 'more memory for the container (`docker run --memory`) or less for the workers',
  find: (situation) => {
    const { failure, subject, host } = situation;
    if (subject === undefined || subject.spec.name !== failure.process) return undefined;
    const child = seen(situation, /Subprocess \w+ \(pid=\d+\) crashed with exit code -9/);
    const own = seen(situation, /kill_process_tree called: .*include_parent=True/);
    const killed = failure.exit?.signal === 'SIGKILL' || failure.exit?.code === 137;
    // The supervisor noticed it before the engine itself did.
    const lost = failure.fields?.lostChild !== undefined;
    if (child === undefined && !lost && (!killed || own !== undefined)) return undefined;
    const { cgroup, host: everywhere = 0 } = host.kernelKills ?? {};
    // If the run has its own control group, the host's counter is irrelevant.
    const kills = cgroup ?? everywhere;
    if (kills === 0) return undefined;
    const where = cgroup === undefined ? '/proc/vmstat' : 'control group';
    return {
      cause: `the kernel killed ${subject.spec.name}${child === undefined && !lost ? '' : ', or a child of it'}, because memory ran out on the host or in the container (not on the GPU)`,
      evidence: [
        ...(child === undefined ? [] : [child.line]),
        `${where}: oom_kill rose by ${kills} during the run`,
      ],
      fix: 'free -g   # then fewer workers, or more memory for the container: docker run --memory=64g …',
      fromOutside: true,
    };
  },
};

/**
 * A child of a worker was killed from outside: SGLang exits 5 s to over 60 s later, by killing its own process tree.
 * Source: docs/upstream/processes.md#who-dies-with-whom; test/fixtures/logs.
 */
export const childDied: Rule = {
  id: 'child-died',
  kind: 'consequence',
  sees: '`Subprocess scheduler_0 (pid=…) crashed with exit code -9`, or that a scheduler is gone',
  fixes: '`dynamo logs`, and find what kills processes on this host',
  find: (situation) => {
    const { failure, subject, host } = situation;
    if (subject === undefined) return undefined;
    const logged = seen(situation, /Subprocess (\w+) \(pid=(\d+)\) crashed with exit code (-?\d+)/);
    const mine = subject.spec.name === failure.process;
    // The supervisor notices it up to a minute before the engine logs it.
    const lost = mine ? failure.fields?.lostChild : undefined;
    if (logged === undefined && lost === undefined) return undefined;
    const [child = '', pid = '', code] = logged?.groups ?? [lost?.name, String(lost?.pid)];
    const innocent = host.kernelKills?.cgroup === 0 ? ", not by the kernel's OOM killer" : '';
    const how =
      code === undefined
        ? `ended${innocent}`
        : code.startsWith('-')
          ? `was ended by signal ${code.slice(1)}${innocent}`
          : `ended with ${code}`;
    return {
      cause: `${child} of ${subject.spec.name} (pid ${pid}) ${how}, and a worker cannot continue without it`,
      evidence: [logged?.line ?? failure.message],
      fix: `dynamo logs ${subject.spec.name}`,
      ...(logged === undefined ? { fromOutside: true as const } : {}),
    };
  },
};

/** Found by the launcher itself: no log says anything. Source: docs/upstream/processes.md#who-dies-with-whom. */
export const standsStill: Rule = {
  id: 'stands-still',
  kind: 'cause',
  sees: 'a worker with requests in flight answers health checks, shows no work, and does not answer a request that the launcher sends',
  fixes: '`dynamo logs`; find what suspended the process, or see the last step in its log',
  find: ({ failure, subject }) => {
    const { standstill } = failure.fields ?? {};
    if (standstill === undefined || subject === undefined || subject.spec.name !== failure.process)
      return undefined;
    const { name } = subject.spec;
    const { part, inFlight } = standstill;
    const cause =
      part === undefined
        ? `${name} stands still: its engine hangs, although its health checks are answered`
        : part.how === 'suspended'
          ? `${name} stands still: its ${part.name} (pid ${part.pid}) was suspended by a signal or a debugger`
          : `${name} stands still: its ${part.name} (pid ${part.pid}) hangs without using a processor`;
    const requests = inFlight === 1 ? '1 request' : `${inFlight} requests`;
    return {
      cause,
      evidence: [
        `${requests} in flight, no sign of work for ${inSeconds(standstill.quietMs)} s, no answer to a request of ours within ${inSeconds(standstill.askedMs)} s`,
      ],
      fix: `dynamo logs ${name} --tail 100   # too strict for this model? --set components.${subject.spec.component}.liveness.standstillSeconds=120`,
      fromOutside: true,
    };
  },
};

function inSeconds(ms: number): number {
  return Math.round(ms / 1000);
}

/**
 * SGLang exits by sending SIGKILL to its own process tree: exit code 137 does not mean the kernel's OOM killer.
 * Source: docs/upstream/processes.md#exit-codes.
 */
export const endedItself: Rule = {
  id: 'ended-itself',
  kind: 'consequence',
  sees: 'exit 137 or SIGKILL after `kill_process_tree called: … include_parent=True`',
  fixes: 'see the lines before it in `dynamo logs`',
  find: (situation) => {
    const { failure, subject } = situation;
    if (subject === undefined || subject.spec.name !== failure.process) return undefined;
    const killed = failure.exit?.signal === 'SIGKILL' || failure.exit?.code === 137;
    const tree = seen(situation, /kill_process_tree called: .*include_parent=True/);
    if (!killed || tree === undefined) return undefined;
    const before = seen(situation, /Received sigquit from a child process|SIGQUIT received/);
    return {
      cause: `${subject.spec.name} killed its own process tree after a child failed; the SIGKILL is its own, not the kernel's OOM killer`,
      evidence: [...(before === undefined ? [] : [before.line]), tree.line],
      fix: `dynamo logs ${subject.spec.name} --tail 100   # the child logged the reason before that`,
    };
  },
};

/**
 * A worker was ready and its model listed, but it crashed on the first real request.
 * Source: docs/upstream/sglang-on-cpu.md#dead-on-the-first-request.
 */
export const deadOnFirstRequest: Rule = {
  id: 'dead-on-first-request',
  kind: 'consequence',
  sees: 'a worker that was ready ended during the proving request',
  fixes: 'see the last lines of its log for the kernel or library that failed',
  find: ({ failure, subject }) => {
    if (failure.exit === undefined || failure.duringProof !== true) return undefined;
    if (subject === undefined || subject.spec.name !== failure.process) return undefined;
    const last = subject.lines.findLast((line) => /^\w[\w.]*(?:Error|Exception)\b.*:/.test(line));
    return {
      cause: `${subject.spec.name} was ready and its model listed, but it crashed on the first request`,
      evidence: last === undefined ? [failure.message] : [last],
      fix: `dynamo logs ${subject.spec.name} --tail 100`,
      ...(last === undefined ? { fromOutside: true as const } : {}),
    };
  },
};

/** Another process sent SIGKILL: neither the kernel's OOM killer nor the engine itself. */
export const killedFromOutside: Rule = {
  id: 'killed-from-outside',
  kind: 'consequence',
  sees: 'SIGKILL, while the counters of the control group did not move and the log has no `kill_process_tree`',
  fixes: 'find what kills processes on this host (clean-up scripts, other users)',
  find: (situation) => {
    const { failure, subject, host } = situation;
    if (subject === undefined || subject.spec.name !== failure.process) return undefined;
    if (failure.exit?.signal !== 'SIGKILL' || host.kernelKills?.cgroup !== 0) return undefined;
    if (seen(situation, /kill_process_tree called|crashed with exit code/) !== undefined) return undefined;
    return {
      cause: `another process killed ${subject.spec.name} with SIGKILL: neither the kernel's OOM killer nor the process itself`,
      evidence: ['control group: oom_kill did not rise during the run'],
      fix: 'last -x | head; pgrep -af "pkill|killall"   # clean-up scripts that kill by name are the usual cause',
      fromOutside: true,
    };
  },
};

/** Progress this recent means that the process was not stuck. */
const recentMs = 60_000;

/** The time limit was reached while a process was still making progress: it needs more time. */
export const stillLoading: Rule = {
  id: 'still-loading',
  check: 'D21',
  kind: 'consequence',
  sees: 'a download, loading of weights or capturing of CUDA graphs made progress until the time limit',
  fixes: 'a longer `--timeout`, or run `hf download MODEL` first',
  find: ({ failure, plan, serving, subject }) => {
    const { progress, progressAgoMs = Infinity, waited } = failure;
    if (failure.code !== 'not-ready' || progress === undefined) return undefined;
    if (subject !== undefined && subject.spec.name !== failure.process) return undefined;
    // With a short time limit in the profile, a process counts as stuck sooner.
    const timeoutMs = Math.min(plan.readyTimeoutMs, subject?.spec.startupTimeoutMs ?? Infinity);
    if (progressAgoMs > Math.min(recentMs, timeoutMs / 2)) return undefined;
    const downloads = progress.doing === 'downloading';
    const wait = waitedText(waited);
    const before = wait === undefined ? '' : `; before it could start, it ${wait}`;
    return {
      cause: `${failure.process ?? 'a worker'} was still ${progress.doing} at the time limit: ${progressText(progress)}${before}`,
      evidence: [],
      fix:
        downloads && serving !== undefined
          ? `hf download ${serving.model.path}   # then retry; or wait longer: --timeout 7200`
          : '--timeout 3600   # waits longer',
      fromOutside: true,
    };
  },
};

/** A process made progress for a while, and then none until the time limit. */
export const loadStalled: Rule = {
  id: 'load-stalled',
  check: 'D21',
  kind: 'consequence',
  sees: 'a download or loading stopped making progress for the whole start-up time limit',
  fixes: '`hf download MODEL`, which resumes the download; or see the log',
  find: ({ failure, serving, subject }) => {
    const { progress, progressAgoMs } = failure;
    if (failure.code !== 'not-ready' || progress === undefined || progressAgoMs === undefined)
      return undefined;
    if (subject !== undefined && subject.spec.name !== failure.process) return undefined;
    const seconds = Math.round(progressAgoMs / 1000);
    return {
      cause: `${failure.process ?? 'a worker'} made no progress for ${seconds} s after ${progressText(progress)}`,
      evidence: [],
      fix:
        progress.doing === 'downloading' && serving !== undefined
          ? `hf download ${serving.model.path}   # resumes the download, and shows what blocks it`
          : `dynamo logs ${failure.process ?? ''} --tail 50`.replace('  ', ' '),
      fromOutside: true,
    };
  },
};
