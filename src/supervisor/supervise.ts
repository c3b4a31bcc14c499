/** Runs a plan: starts its processes, proves that they serve, monitors them, and stops all of them. */
import { DynamoError } from '../base/error.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { isServing, type Plan, type ProcessSpec } from '../plan/plan.ts';
import type { PlanChange } from '../plan/scale-plan.ts';
import type { Actors } from './actor.ts';
import { createActors } from './actors.ts';
import type { Child, Dependencies } from './contracts.ts';
import type { Failure, Proof, StopReport, Waited } from './events.ts';
import { failureOf } from './failure.ts';
import { type RunContext, openRun } from './run-context.ts';
import { monitor } from './liveness.ts';
import { act, type AnyAction, notServing } from './process-action.ts';
import { type StartupLimit, startupLimit } from './readiness.ts';
import type { PlanKeeper } from './retire.ts';
import { stopInWaves } from './shutdown.ts';
import type { Journal } from './status.ts';

export interface Outcome extends StopReport {
  readonly failure?: Failure;
}

export interface Supervision {
  /** Settles when the deployment has proved that it serves; `undefined` when it ends first. Never rejects. */
  readonly ready: Promise<Proof | undefined>;
  /** Settles when every process has ended. Never rejects. */
  readonly done: Promise<Outcome>;
  /** Stops everything in order. Calling it again has no effect. */
  stop(): void;
  /** Kills everything now, and verifies that it is gone. */
  kill(): void;
  /** Starts, stops or restarts one process; settles when it is ready or gone. Rejects with DynamoError. */
  act(action: AnyAction, process: string): Promise<void>;
  /**
   * Changes its processes while it serves; one change at a time. Settles when what is added has answered and what is removed is
   * gone. Rejects with DynamoError or StartFailure. `planned`: from the present plan.
   */
  change(planned: (now: Plan) => Promise<PlanChange>, keeper: PlanKeeper): Promise<PlanChange>;
}

export function supervise(plan: Plan, deps: Dependencies, journal: Journal): Supervision {
  const run = openRun(plan, deps, journal);
  const limit = startupLimit(run);
  const set = createActors(run, limit);
  const actors = set.all;
  const only = oneChange(run);
  const ready = deferred<Proof | undefined>();
  run.journal.record({ type: 'run', phase: 'starting' });
  void serve(run, actors, limit, ready);
  return {
    ready: ready.promise,
    done: end(run, actors, ready),
    stop: run.shutdown.request,
    kill: () => {
      run.shutdown.requestNow();
      for (const actor of actors.values()) actor.child()?.kill();
    },
    act: (action, process) =>
      run.pendingWork.track(only.unlessChanging(() => act(run, actors, action, process))),
    change: async (planned, keeper) => {
      const work = only.change(async () => {
        const { carryOut } = await import('./change.ts');
        const change = await planned(run.plan);
        await carryOut(run, set, change, keeper);
        return change;
      });
      return await run.pendingWork.track(work);
    },
  };
}

/** A change must find the processes that it was planned for, so that nothing else stops or starts one meanwhile. */
function oneChange({ plan: { runId }, journal, shutdown }: RunContext) {
  let changing = false;
  const unlessChanging = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!changing) return await work();
    throw new DynamoError('busy', `The workers of ${runId} are being changed.`, {
      hint: 'dynamo events   # shows when that is done',
      fields: { runId },
    });
  };
  return {
    unlessChanging,
    change: async <T>(work: () => Promise<T>): Promise<T> =>
      await unlessChanging(async () => {
        if (journal.status().phase !== 'ready' || shutdown.signal.aborted) throw notServing(runId);
        changing = true;
        try {
          return await work();
        } finally {
          changing = false;
        }
      }),
  };
}

/** From the first start to the proof; then starts monitoring. Never rejects. */
async function serve(
  run: RunContext,
  actors: Actors,
  limit: StartupLimit,
  ready: Deferred<Proof | undefined>,
): Promise<void> {
  const { deps, journal, shutdown, pendingWork } = run;
  const startedAt = deps.clock.now();
  try {
    const proof = await bringUp(run, actors, limit);
    journal.record({ type: 'ready', proof, tookMs: deps.clock.now() - startedAt });
    ready.resolve(proof);
    void pendingWork.track(monitor(run, actors));
  } catch (error) {
    shutdown.fail(failureOf(error));
  } finally {
    limit.clear();
  }
}

/** From the first reason to shut down, at any point of the run, until nothing is left. Never rejects. */
async function end(run: RunContext, actors: Actors, ready: Deferred<Proof | undefined>): Promise<Outcome> {
  const { journal, shutdown } = run;
  await shutdown.begun;
  ready.resolve(undefined);
  const report = await takeDown(run, actors);
  await shutdown.explained();
  journal.record({ type: 'stopped', ...report });
  const { failure } = journal.status();
  return { ...report, ...(failure === undefined ? {} : { failure }) };
}

/**
 * Starts each process as soon as what it depends on is there, then proves that the deployment serves. Rejects with
 * StartFailure or DynamoError, or with the reason of the shutdown.
 */
async function bringUp(run: RunContext, actors: Actors, limit: StartupLimit): Promise<Proof> {
  const starts = [...actors.values()].map(async (actor) => {
    const waited = await untilUnblocked(run, actor.spec, actors);
    if (waited !== undefined) limit.unblocked();
    await actor.start(waited === undefined ? {} : { waited });
  });
  await Promise.all(starts.map(run.pendingWork.track));
  const proof = await prove(run, actors);
  run.shutdown.signal.throwIfAborted();
  return proof;
}

/** Returns what it waited for, if it depends on others. */
async function untilUnblocked(
  { deps: { clock }, shutdown }: RunContext,
  { dependsOn }: ProcessSpec,
  actors: Actors,
): Promise<Waited | undefined> {
  const begin = clock.now();
  let waited: Waited | undefined;
  const conditions = dependsOn.map(async ({ process, condition }) => {
    await actors.get(process)?.[condition];
    // The last one to be met is kept.
    waited = { for: `${process} to be ${condition}`, ms: clock.now() - begin };
  });
  await Promise.race([shutdown.begun, Promise.all(conditions)]);
  shutdown.signal.throwIfAborted();
  return waited;
}

/** Rejects with DynamoError, or with the reason of the shutdown. */
async function prove(
  { plan, deps: { proving }, journal, shutdown: { signal } }: RunContext,
  actors: Actors,
): Promise<Proof> {
  journal.record({ type: 'run', phase: 'proving' });
  await proving.listenersAreOurs(plan, (process) => actors.get(process)?.child()?.pid);
  if (!isServing(plan)) return await proving.serves(plan, signal);
  journal.record({ type: 'waiting', for: 'every worker to be known to the frontend' });
  await proving.instances(plan, plan.expected, signal);
  journal.record({ type: 'waiting', for: `the model ${plan.model.servedName} to be listed` });
  await proving.modelListed(plan, signal);
  journal.record({ type: 'waiting', for: `an answer to a ${plan.proof.request} request` });
  return await proving.serves(plan, signal);
}

/** Stops whatever was started, in the order of the plan. Waits for launches in progress. Never rejects. */
async function takeDown(run: RunContext, actors: Actors): Promise<StopReport> {
  const { deps, journal, shutdown, pendingWork } = run;
  journal.record({ type: 'run', phase: 'stopping' });
  await pendingWork.settled();
  const living = [...actors].flatMap(([name, actor]): [string, Child][] => {
    const child = actor.child();
    return child === undefined ? [] : [[name, child]];
  });
  // Of what it has now: a change was pending work as well.
  return await stopInWaves(run.plan, {
    children: new Map(living),
    clock: deps.clock,
    enter: journal.enter,
    isLoading: (process) => ['starting', 'started'].includes(journal.stateOf(process)),
    isImmediate: shutdown.isImmediate,
  });
}
