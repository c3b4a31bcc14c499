/** Workers registered in another namespace than the frontend looks in: no log says a word about it. */
import { flagValue } from '../log-lines.ts';
import type { Plan } from '../../plan/plan.ts';
import type { Rule } from '../rule.ts';

/**
 * Seen only by comparing the instances in /health with the plan.
 * Source: docs/upstream/discovery.md#mismatches-without-a-message.
 */
export const namespaceMismatch: Rule = {
  id: 'namespace-mismatch',
  check: 'D12',
  kind: 'cause',
  sees: 'nothing in any log; `/health` of the frontend lists the workers under another namespace or component',
  fixes: 'leave `DYN_NAMESPACE`, `--namespace` and `--endpoint` to the launcher',
  find: ({ failure, plan }) => {
    const seen = /workers that the frontend knows: (.+?); it knows instead: (.+)$/.exec(
      failure.lastSeen ?? '',
    );
    if (failure.code !== 'not-ready' || seen === null) return undefined;
    const [, missing = '', known = ''] = seen;
    if (!mustBeOurs(plan, known)) return undefined;
    return {
      cause: `workers registered as ${known}, where nobody of this run looks for them`,
      evidence: [`frontend /health: ${missing}; it has ${known}`],
      fix: 'unset DYN_NAMESPACE   # and no --namespace or --endpoint in the arguments of a worker',
      fromOutside: true,
    };
  },
};

/** In an etcd that others use, too, workers elsewhere may be theirs: then a process of ours must have been sent there. */
function mustBeOurs(plan: Plan, known: string): boolean {
  const { discovery, runFolder, processes } = plan;
  if (discovery.backend === 'file' && discovery.folder.startsWith(runFolder)) return true;
  const namespaces = known.split(', ').map((place) => place.split('.')[0]);
  const sent = processes.flatMap(({ argv, env }) => [
    env.DYN_NAMESPACE,
    flagValue(argv, '--namespace'),
    flagValue(argv, '--endpoint')?.replace('dyn://', '').split('.')[0],
  ]);
  return sent.some((namespace) => namespace !== plan.namespace && namespaces.includes(namespace));
}
