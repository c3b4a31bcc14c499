/** A process got SIGKILL from somebody else: neither the kernel's OOM killer nor the engine itself sent it. */
import { seen } from '../log-lines.ts';
import type { Rule } from '../rule.ts';

export const killedFromOutside: Rule = {
  id: 'killed-from-outside',
  kind: 'consequence',
  sees: 'SIGKILL, while the counters of the control group did not move and the log has no `kill_process_tree`',
  fixes: 'find who ends processes here (clean-up scripts, other users)',
  find: (situation) => {
    const { failure, subject, host } = situation;
    if (subject === undefined || subject.spec.name !== failure.process) return undefined;
    if (failure.exit?.signal !== 'SIGKILL' || host.kernelKills?.cgroup !== 0) return undefined;
    if (seen(situation, /kill_process_tree called|crashed with exit code/) !== undefined) return undefined;
    return {
      cause: `somebody ended ${subject.spec.name} with SIGKILL: it was not the kernel's OOM killer, nor the process itself`,
      evidence: ['control group: oom_kill did not rise during the run'],
      fix: 'last -x | head; pgrep -af "pkill|killall"   # clean-up scripts that kill by name are the usual ones',
      fromOutside: true,
    };
  },
};
