/** Brings a deployment up: each process as soon as what it waits for is there, and then the proof that all of it serves. */
import type { ProcessSpec } from '../plan/plan.ts';
import type { Actors } from './actors.ts';
import type { Proof } from './child.ts';
import type { LiveRun } from './live-run.ts';
import { prove } from './prove.ts';
import type { StartupLimit } from './startup-limit.ts';
import type { Waited } from './waited.ts';

/** Rejects with StartFailure or DynamoError, or with the reason for which the run ends. */
export async function bringUp(run: LiveRun, actors: Actors, limit: StartupLimit): Promise<Proof> {
  const starts = [...actors.values()].map(async (actor) => {
    const waited = await untilItsTurn(run, actor.spec, actors);
    if (waited !== undefined) limit.turnCame();
    await actor.start(waited);
  });
  await Promise.all(starts.map(run.underWay.track));
  const proof = await prove(run, actors);
  run.leaving.signal.throwIfAborted();
  return proof;
}

/** Answers what it waited for, where it depends on others. */
async function untilItsTurn(
  { world: { clock }, leaving }: LiveRun,
  { dependsOn }: ProcessSpec,
  actors: Actors,
): Promise<Waited | undefined> {
  const begin = clock.now();
  let waited: Waited | undefined;
  const conditions = dependsOn.map(async ({ process, condition }) => {
    await actors.get(process)?.[condition];
    // The last one stays.
    waited = { for: `${process} to be ${condition}`, ms: clock.now() - begin };
  });
  await Promise.race([leaving.begun, Promise.all(conditions)]);
  leaving.signal.throwIfAborted();
  return waited;
}
