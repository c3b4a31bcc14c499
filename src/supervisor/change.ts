/** Changes the processes of a run that serves: new ones are started and proved, old ones are drained, then they are gone. */
import { DynamoError } from '../base/error.ts';
import { timeLimit } from '../base/clock.ts';
import {
  isServing,
  type Plan,
  type ProcessSpec,
  registersAt,
  type RestartRule,
  type ServingPlan,
} from '../plan/plan.ts';
import type { PlanChange } from '../plan/scale-plan.ts';
import type { Actor } from './actor.ts';
import type { ActorSet } from './actors.ts';
import type { Failure } from './events.ts';
import { StartFailure } from './failure.ts';
import { leave, type PlanKeeper, type Removal, retire } from './retire.ts';
import type { RunContext } from './run-context.ts';

/** Upstream's frontends took 0.1 to 2 s. */
const knownWithinMs = 30_000;

/**
 * Settles when what is added has answered and what is removed is gone. If something that is added fails, the run is as it was
 * before that step; then it throws DynamoError, or StartFailure.
 */
export async function carryOut(
  run: RunContext,
  set: ActorSet,
  { added, removed, order, during, after, startWithinMs = run.plan.startupCapMs }: PlanChange,
  keeper: PlanKeeper,
): Promise<void> {
  if (run.shutdown.signal.aborted) throw ended(run, undefined);
  const trial = openTrial(run, set, added, startWithinMs);
  try {
    if (order === 'add-first') {
      await add(run, set, { added, plan: during, trial }, keeper);
      trial.keep();
      await remove(run, set, { removed, plan: after }, keeper);
      await trial.settled(keeper);
    } else {
      await remove(run, set, { removed, plan: without(after, added) }, keeper);
      await add(run, set, { added, plan: after, trial }, keeper);
    }
  } finally {
    trial.end();
  }
}

interface Addition {
  readonly added: readonly ProcessSpec[];
  /** With them. */
  readonly plan: Plan;
  readonly trial: Trial;
}

/** The plan on disk has them from the start, so that `ps`, logs and pages show how they load. */
async function add(
  run: RunContext,
  set: ActorSet,
  { added, plan, trial }: Addition,
  keeper: PlanKeeper,
): Promise<void> {
  if (added.length === 0) return;
  const { journal, shutdown } = run;
  const before = run.plan;
  const names = added.map(({ name }) => name);
  const problem = keeper.keep(plan);
  if (problem !== undefined) {
    keeper.keep(before);
    throw new DynamoError('cannot-write', `The plan of ${plan.runId} cannot be written: ${problem}.`, {
      hint: `df ${plan.runFolder}`,
      fields: { file: plan.runFolder },
    });
  }
  run.adopt(plan);
  journal.record({ type: 'changed', added: names, removed: [] });
  const actors = added.map((spec) => set.add(spec));
  const until = AbortSignal.any([shutdown.signal, trial.lost]);
  try {
    await allStarted(actors, trial.startWithinMs);
    until.throwIfAborted();
    await prove(run, set, added, until);
    until.throwIfAborted();
  } catch (error) {
    // The end of the run stops them, too.
    if (shutdown.signal.aborted) throw ended(run, error);
    await takeBack(run, set, { added, plan: before }, keeper);
    throw error;
  }
}

async function takeBack(
  run: RunContext,
  set: ActorSet,
  { added, plan }: { readonly added: readonly ProcessSpec[]; readonly plan: Plan },
  keeper: PlanKeeper,
): Promise<void> {
  await retire(run, set, { removed: added, plan }, (spec) => spec.loadingStopGraceMs ?? spec.stopGraceMs);
  leave(run, set, { names: added.map(({ name }) => name), plan }, keeper);
}

/** All of them have started or failed before one failure counts: nothing may start after it was taken back. */
async function allStarted(actors: readonly Actor[], withinMs: number): Promise<void> {
  const starts = await Promise.allSettled(actors.map(async (actor) => await actor.start({ withinMs })));
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

async function remove(
  run: RunContext,
  set: ActorSet,
  { removed, plan }: Removal,
  keeper: PlanKeeper,
): Promise<void> {
  if (removed.length === 0) return;
  await retire(run, set, { removed, plan }, ({ stopGraceMs }) => stopGraceMs);
  if (run.shutdown.signal.aborted) throw ended(run, undefined);
  leave(run, set, { names: removed.map(({ name }) => name), plan }, keeper);
}

/** What is added must not end the run before the change is complete, whatever its restart policy. */
interface Trial {
  /** How long each of them may take to become ready, whenever it is started. */
  readonly startWithinMs: number;
  /** Aborts with StartFailure when one of them ends before `keep`. */
  readonly lost: AbortSignal;
  /** From now on, what they replace is leaving: one that ends is restarted. */
  keep(): void;
  /** Settles when those that were restarted are proved once more. Throws StartFailure after it took back those that cannot be restarted. */
  settled(keeper: PlanKeeper): Promise<void>;
  end(): void;
}

/** Where the plan says that a worker is never restarted, or always: a change must end. */
const whileChanging: RestartRule = {
  policy: 'on-failure',
  maxRestarts: 3,
  windowMs: 600_000,
  firstDelayMs: 1_000,
  maxDelayMs: 10_000,
};

function openTrial(
  run: RunContext,
  set: ActorSet,
  added: readonly ProcessSpec[],
  startWithinMs: number,
): Trial {
  const lost = new AbortController();
  const restarts: Promise<void>[] = [];
  const givenUp = new Map<ProcessSpec, Failure>();
  let open = true;
  let restarted = false;
  let proof = new AbortController();
  for (const { name } of added) run.onTrial.set(name, (reason) => lost.abort(new StartFailure(reason)));
  return {
    startWithinMs,
    lost: lost.signal,
    keep: () => {
      for (const spec of added) {
        const rule = spec.restart.policy === 'on-failure' ? spec.restart : whileChanging;
        const giveUp = (reason: Failure): void => {
          if (open) givenUp.set(spec, reason);
          else run.shutdown.fail(reason);
        };
        run.onTrial.set(spec.name, (reason) => {
          restarted = true;
          proof.abort(new StartFailure(reason));
          restarts.push(set.restart(spec, reason, { rule, giveUp, withinMs: startWithinMs }));
        });
      }
    },
    settled: async (keeper) => {
      const { signal } = run.shutdown;
      for (;;) {
        for (let next = restarts.shift(); next !== undefined; next = restarts.shift()) await next;
        if (signal.aborted) throw ended(run, undefined);
        const [reason] = givenUp.values();
        if (reason !== undefined) {
          const failed = [...givenUp.keys()];
          await takeBack(run, set, { added: failed, plan: without(run.plan, failed) }, keeper);
          throw new StartFailure(reason);
        }
        if (!restarted) return;
        restarted = false;
        proof = new AbortController();
        try {
          await prove(run, set, added, AbortSignal.any([signal, proof.signal]));
        } catch (error) {
          // One that ends meanwhile is restarted once more.
          if (!restarted) throw signal.aborted ? ended(run, error) : error;
        }
      }
    },
    end: () => {
      open = false;
      for (const { name } of added) run.onTrial.delete(name);
    },
  };
}

/** The new ones hold their own ports, the frontend knows them, and a request is answered while they take part. */
async function prove(
  run: RunContext,
  set: ActorSet,
  added: readonly ProcessSpec[],
  until: AbortSignal,
): Promise<void> {
  const { deps, plan } = run;
  if (!isServing(plan)) return;
  const { proving } = deps;
  await proving.listenersAreOurs({ ...plan, processes: added }, (name) => set.all.get(name)?.child()?.pid);
  await untilKnown(run, plan, added, until);
  // Whether a prompt is routed to its cache was proved at the start, on an idle deployment.
  const { provesReuse: _, ...provable } = plan;
  await proving.serves(provable, until);
}

async function untilKnown(
  { deps: { proving, prober, clock }, journal }: RunContext,
  plan: ServingPlan,
  added: readonly ProcessSpec[],
  until: AbortSignal,
): Promise<void> {
  const ready = plan.processes.filter(({ name }) => journal.stateOf(name) === 'ready');
  const expected = plan.expected.map((place) => ({
    ...place,
    count: ready.filter(registersAt(place)).length,
  }));
  const limit = timeLimit(knownWithinMs, clock, until);
  try {
    await proving.instances(plan, expected, limit.signal);
    await proving.modelListed(plan, limit.signal);
  } catch (error) {
    if (!limit.isOver()) throw error;
    const seen = prober.lastSeen();
    const names = added.map(({ name }) => name).join(', ');
    throw new DynamoError(
      'not-ready',
      `The frontend did not know ${names} within ${knownWithinMs / 1000} s${seen === undefined ? '' : `; last seen: ${seen.text}`}.`,
      {
        hint: `dynamo logs --run ${plan.name} frontend`,
        fields: { timeoutMs: knownWithinMs, ...seen?.fields },
      },
    );
  } finally {
    limit.clear();
  }
}

function ended({ plan }: RunContext, cause: unknown): DynamoError {
  const why = cause instanceof StartFailure ? `: ${cause.message}` : '';
  return new DynamoError('process-failed', `The run ended while its workers were changed${why}.`, {
    cause,
    hint: `dynamo logs --run ${plan.runId}`,
    fields: { runId: plan.runId },
  });
}

/** The plan between a removal and an addition. */
function without(plan: Plan, added: readonly ProcessSpec[]): Plan {
  const isOld = (name: string): boolean => !added.some((spec) => spec.name === name);
  const next = {
    ...plan,
    processes: plan.processes.filter(({ name }) => isOld(name)),
    stopOrder: plan.stopOrder.map((wave) => wave.filter(isOld)),
  };
  if (!isServing(next)) return next;
  const expected = next.expected.map((place) => ({
    ...place,
    count: place.count - added.filter(registersAt(place)).length,
  }));
  return { ...next, expected };
}
