/** SGLang's way to exit is SIGKILL to its own process tree: 137 is no sign of the kernel's OOM killer. */
import { seen } from '../log-lines.ts';
import type { Rule } from '../rule.ts';

/** Source: docs/upstream/processes.md#exit-codes. */
export const endedItself: Rule = {
  id: 'ended-itself',
  kind: 'consequence',
  sees: 'exit 137 or SIGKILL after `kill_process_tree called: … include_parent=True`',
  fixes: 'the lines before it in `dynamo logs`',
  find: (situation) => {
    const { failure, subject } = situation;
    if (subject === undefined || subject.spec.name !== failure.process) return undefined;
    const killed = failure.exit?.signal === 'SIGKILL' || failure.exit?.code === 137;
    const tree = seen(situation, /kill_process_tree called: .*include_parent=True/);
    if (!killed || tree === undefined) return undefined;
    const before = seen(situation, /Received sigquit from a child process|SIGQUIT received/);
    return {
      cause: `${subject.spec.name} ended its own process tree after a child of it failed; the SIGKILL is its own, not the kernel's OOM killer`,
      evidence: [...(before === undefined ? [] : [before.line]), tree.line],
      fix: `dynamo logs ${subject.spec.name} --tail 100   # the child says before that why`,
    };
  },
};
