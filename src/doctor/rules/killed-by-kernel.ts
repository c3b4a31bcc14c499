/** The kernel ended a process for want of memory: only its counters prove that, an exit by SIGKILL does not. */
import { seen } from '../log-lines.ts';
import type { Rule } from '../rule.ts';

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
    if (child === undefined && (!killed || own !== undefined)) return undefined;
    const { cgroup, host: everywhere = 0 } = host.kernelKills ?? {};
    // Where our own control group counts, the host's counter says nothing about us.
    const kills = cgroup ?? everywhere;
    if (kills === 0) return undefined;
    const where = cgroup === undefined ? '/proc/vmstat' : 'memory.events of the control group';
    return {
      cause: `the kernel ended ${subject.spec.name}${child === undefined ? '' : "'s child"}, because memory (of the host, not of the GPU) ran out${cgroup === undefined ? '' : ' in its control group'}`,
      evidence: [
        ...(child === undefined ? [] : [child.line]),
        `${where}: oom_kill rose by ${kills} during the run`,
      ],
      fix: 'free -g   # then fewer workers, or more memory for the container: docker run --memory=64g …',
      fromOutside: true,
    };
  },
};
