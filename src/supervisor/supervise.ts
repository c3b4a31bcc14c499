/** Runs a plan: brings its processes up, proves that they serve, looks after them, and takes all of them down. */
import { type Deferred, deferred } from '../base/deferred.ts';
import type { Plan } from '../plan/plan.ts';
import { type Actors, createActors } from './actors.ts';
import { bringUp } from './bring-up.ts';
import type { Proof, StopReport } from './child.ts';
import type { Failure } from './event.ts';
import { failureOf } from './failure.ts';
import type { Journal } from './journal.ts';
import { type LiveRun, openRun } from './live-run.ts';
import { lookAfter } from './look-after.ts';
import { act, type ProcessAction } from './process-action.ts';
import { type StartupLimit, startupLimit } from './startup-limit.ts';
import { takeDown } from './take-down.ts';
import type { World } from './world.ts';

export interface Outcome extends StopReport {
  readonly failure?: Failure;
}

export interface Supervision {
  /** Settles when the deployment has proved that it serves, or `undefined` when it ends before. Never rejects. */
  readonly ready: Promise<Proof | undefined>;
  /** Settles when everything is gone. Never rejects. */
  readonly done: Promise<Outcome>;
  /** Takes everything down in order. Calling it again changes nothing. */
  stop(): void;
  /** Takes everything down at once, still verified. */
  kill(): void;
  /** One process of a live run; settles when it is ready or gone. Rejects with DynamoError. */
  act(action: ProcessAction, process: string): Promise<void>;
}

export function supervise(plan: Plan, world: World, journal: Journal): Supervision {
  const run = openRun(plan, world, journal);
  const limit = startupLimit(run);
  const actors = createActors(run, limit);
  const ready = deferred<Proof | undefined>();
  run.journal.tell({ type: 'run', phase: 'starting' });
  void serve(run, actors, limit, ready);
  return {
    ready: ready.promise,
    done: end(run, actors, ready),
    stop: run.leaving.ask,
    kill: () => {
      run.leaving.askAtOnce();
      for (const actor of actors.values()) actor.child()?.kill();
    },
    act: (action, process) => run.underWay.track(act(run, actors, action, process)),
  };
}

/** From the first start to the proof, and leaves somebody to look after what serves then. Never rejects. */
async function serve(
  run: LiveRun,
  actors: Actors,
  limit: StartupLimit,
  ready: Deferred<Proof | undefined>,
): Promise<void> {
  const { world, journal, leaving, underWay } = run;
  const startedAt = world.clock.now();
  try {
    const proof = await bringUp(run, actors, limit);
    journal.tell({ type: 'ready', proof, tookMs: world.clock.now() - startedAt });
    ready.resolve(proof);
    void underWay.track(lookAfter(run, actors));
  } catch (error) {
    leaving.fail(failureOf(error));
  } finally {
    limit.clear();
  }
}

/** From the first reason to leave, however far the run had got, until nothing is left. Never rejects. */
async function end(run: LiveRun, actors: Actors, ready: Deferred<Proof | undefined>): Promise<Outcome> {
  const { journal, leaving } = run;
  await leaving.begun;
  ready.resolve(undefined);
  const report = await takeDown(run, actors);
  await leaving.explained();
  journal.tell({ type: 'stopped', ...report });
  const { failure } = journal.status();
  return { ...report, ...(failure === undefined ? {} : { failure }) };
}
