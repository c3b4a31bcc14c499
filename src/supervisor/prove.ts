/** Proves that a deployment of which every process is ready does what it was started for. */
import { isServing } from '../plan/plan.ts';
import type { Actors } from './actors.ts';
import type { Proof } from './child.ts';
import type { LiveRun } from './live-run.ts';

/** Rejects with DynamoError, or with the reason for which the run ends. */
export async function prove(
  { plan, world: { prober }, journal, leaving: { signal } }: LiveRun,
  actors: Actors,
): Promise<Proof> {
  journal.tell({ type: 'run', phase: 'proving' });
  await prober.listenersAreOurs(plan, (process) => actors.get(process)?.child()?.pid);
  if (!isServing(plan)) return await prober.serves(plan, signal);
  journal.tell({ type: 'waiting', for: 'every worker to be known to the frontend' });
  await prober.instances(plan, plan.expected, signal);
  journal.tell({ type: 'waiting', for: `the model ${plan.model.servedName} to be listed` });
  await prober.modelListed(plan, signal);
  journal.tell({ type: 'waiting', for: `an answer to a ${plan.proof.request} request` });
  return await prober.serves(plan, signal);
}
