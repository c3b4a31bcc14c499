/** Ends processes of a run that goes on without them: they leave discovery, are drained, and leave the plan. */
import { DynamoError } from '../base/error.ts';
import { isServing, type Plan, type ProcessSpec } from '../plan/plan.ts';
import type { Actor } from './actor.ts';
import type { ActorSet } from './actors.ts';
import type { RunContext } from './run-context.ts';

/** Where the plan of the run is kept. */
export interface PlanKeeper {
  /** Replaces the plan, on disk as well. Returns what prevented that, in words. */
  keep(plan: Plan): string | undefined;
}

export interface Removal {
  readonly removed: readonly ProcessSpec[];
  /** Without them. */
  readonly plan: Plan;
}

/**
 * A worker leaves discovery, finishes its requests on SIGTERM, and ends. It stays in the plan until it is gone. On SIGTERM alone,
 * the mocker accepts nothing at once, and what the frontend sends before it notices is lost. Seen with 1.1.1 and 1.6.1.
 */
export async function retire(
  run: RunContext,
  set: ActorSet,
  { removed, plan }: Removal,
  graceOf: (spec: ProcessSpec) => number,
): Promise<void> {
  // From now on the frontend may know fewer of them.
  if (isServing(run.plan) && isServing(plan)) run.adopt({ ...run.plan, expected: plan.expected });
  const { plan: now, deps, journal, onTrial, shutdown } = run;
  // One that ends before it is told to has left all the same.
  for (const { name } of removed) onTrial.set(name, () => {});
  try {
    const serving = removed.filter(({ name }) => journal.stateOf(name) === 'ready');
    if (isServing(now))
      await Promise.all(serving.map(async (spec) => await deps.leaveDiscovery(now, spec, shutdown.signal)));
    const actors = removed.flatMap(({ name }) => set.all.get(name) ?? []);
    await drained(run, actors, graceOf);
  } finally {
    for (const { name } of removed) onTrial.delete(name);
  }
}

/** Throws `left-behind` for what the kernel cannot end: it stays in the plan. */
async function drained(
  { plan }: RunContext,
  actors: readonly Actor[],
  graceOf: (spec: ProcessSpec) => number,
): Promise<void> {
  const reports = await Promise.all(actors.map(async (actor) => await actor.stop(graceOf(actor.spec))));
  const left = reports.flatMap((report) => report.left);
  if (left.length === 0) return;
  throw new DynamoError('left-behind', `Could not be stopped: ${left.join(', ')}.`, {
    hint: `dynamo down ${plan.name}`,
    fields: { runId: plan.runId, left },
  });
}

/** They are gone. */
export function leave(
  run: RunContext,
  set: ActorSet,
  { names, plan }: { readonly names: readonly string[]; readonly plan: Plan },
  keeper: PlanKeeper,
): void {
  for (const name of names) set.remove(name);
  run.adopt(plan);
  const problem = keeper.keep(plan);
  run.journal.record({ type: 'changed', added: [], removed: names });
  if (problem !== undefined)
    run.journal.record({ type: 'note', text: `the plan on disk still has ${names.join(', ')}: ${problem}` });
}
