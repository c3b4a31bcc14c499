/** Runs a plan: brings its processes up, proves that they serve, looks after them, and takes all of them down. */
import { type Deferred, deferred } from '../base/deferred.ts';
import { isServing, type Plan, type ProcessSpec } from '../plan/plan.ts';
import type { Actors } from './actor.ts';
import { createActors } from './actors.ts';
import type { Child, World } from './contracts.ts';
import type { Failure, Proof, StopReport, Waited } from './events.ts';
import { failureOf } from './failure.ts';
import { type LiveRun, openRun } from './live-run.ts';
import { lookAfter } from './liveness.ts';
import { act, type ProcessAction } from './process-action.ts';
import { type StartupLimit, startupLimit } from './readiness.ts';
import { stopInWaves } from './shutdown.ts';
import type { Journal } from './status.ts';

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
    stop: run.shutdown.request,
    kill: () => {
      run.shutdown.requestNow();
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
  const { world, journal, shutdown, underWay } = run;
  const startedAt = world.clock.now();
  try {
    const proof = await bringUp(run, actors, limit);
    journal.tell({ type: 'ready', proof, tookMs: world.clock.now() - startedAt });
    ready.resolve(proof);
    void underWay.track(lookAfter(run, actors));
  } catch (error) {
    shutdown.fail(failureOf(error));
  } finally {
    limit.clear();
  }
}

/** From the first reason to leave, however far the run had got, until nothing is left. Never rejects. */
async function end(run: LiveRun, actors: Actors, ready: Deferred<Proof | undefined>): Promise<Outcome> {
  const { journal, shutdown } = run;
  await shutdown.begun;
  ready.resolve(undefined);
  const report = await takeDown(run, actors);
  await shutdown.explained();
  journal.tell({ type: 'stopped', ...report });
  const { failure } = journal.status();
  return { ...report, ...(failure === undefined ? {} : { failure }) };
}

/** Each process as soon as what it waits for is there, and then the proof. Rejects with StartFailure or DynamoError, or with the reason for which the run ends. */
async function bringUp(run: LiveRun, actors: Actors, limit: StartupLimit): Promise<Proof> {
  const starts = [...actors.values()].map(async (actor) => {
    const waited = await untilItsTurn(run, actor.spec, actors);
    if (waited !== undefined) limit.turnCame();
    await actor.start(waited);
  });
  await Promise.all(starts.map(run.underWay.track));
  const proof = await prove(run, actors);
  run.shutdown.signal.throwIfAborted();
  return proof;
}

/** Answers what it waited for, where it depends on others. */
async function untilItsTurn(
  { world: { clock }, shutdown }: LiveRun,
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
  await Promise.race([shutdown.begun, Promise.all(conditions)]);
  shutdown.signal.throwIfAborted();
  return waited;
}

/** Rejects with DynamoError, or with the reason for which the run ends. */
async function prove(
  { plan, world: { prober }, journal, shutdown: { signal } }: LiveRun,
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

/** Takes down whatever was started, in the order of the plan. Waits for launches that are under way. Never rejects. */
async function takeDown(
  { plan, world, journal, shutdown, underWay }: LiveRun,
  actors: Actors,
): Promise<StopReport> {
  journal.tell({ type: 'run', phase: 'stopping' });
  await underWay.settled();
  const living = [...actors].flatMap(([name, actor]): [string, Child][] => {
    const child = actor.child();
    return child === undefined ? [] : [[name, child]];
  });
  return await stopInWaves(plan, {
    children: new Map(living),
    clock: world.clock,
    enter: journal.enter,
    isLoading: (process) => ['starting', 'started'].includes(journal.stateOf(process)),
    withoutGrace: shutdown.withoutGrace,
  });
}
