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
    // Seen from outside, before the engine itself has noticed.
    const lost = /its \S+ \(pid \d+\) ended/.test(failure.message);
    if (child === undefined && !lost && (!killed || own !== undefined)) return undefined;
    const { cgroup, host: everywhere = 0 } = host.kernelKills ?? {};
    // Where our own control group counts, the host's counter says nothing about us.
    const kills = cgroup ?? everywhere;
    if (kills === 0) return undefined;
    const where = cgroup === undefined ? '/proc/vmstat' : 'control group';
    return {
      cause: `the kernel ended ${subject.spec.name}${child === undefined && !lost ? '' : ', or a child of it'}, because memory ran out: that of the host or of the container, not of the GPU`,
      evidence: [
        ...(child === undefined ? [] : [child.line]),
        `${where}: oom_kill rose by ${kills} during the run`,
      ],
      fix: 'free -g   # then fewer workers, or more memory for the container: docker run --memory=64g …',
      fromOutside: true,
    };
  },
};
