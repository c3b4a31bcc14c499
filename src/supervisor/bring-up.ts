/** Brings a deployment up: each process as soon as what it waits for is there, and then the proof that all of it serves. */
import type { Actor } from './actor.ts';
import type { Actors } from './actors.ts';
import type { Proof } from './child.ts';
import type { LiveRun } from './live-run.ts';
import { prove } from './prove.ts';

/** Rejects with StartFailure or DynamoError, or with the reason for which the run ends. */
export async function bringUp(run: LiveRun, actors: Actors): Promise<Proof> {
  const starts = [...actors.values()].map((actor) => run.underWay.track(startInTurn(run, actor, actors)));
  await Promise.all(starts);
  const proof = await prove(run, actors);
  run.leaving.signal.throwIfAborted();
  return proof;
}

async function startInTurn({ leaving }: LiveRun, actor: Actor, actors: Actors): Promise<void> {
  const conditions = actor.spec.dependsOn.flatMap(
    ({ process, condition }) => actors.get(process)?.[condition] ?? [],
  );
  await Promise.race([leaving.begun, Promise.all(conditions)]);
  leaving.signal.throwIfAborted();
  await actor.start();
}
