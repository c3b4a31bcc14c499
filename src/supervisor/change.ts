/** Changes the processes of a run that serves: new ones are started and proved, old ones are drained, then they are gone. */
import { DynamoError } from '../base/error.ts';
import { timeLimit } from '../base/clock.ts';
import {
  type ExpectedInstances,
  isServing,
  type Plan,
  type ProcessSpec,
  type ServingPlan,
} from '../plan/plan.ts';
import type { PlanChange } from '../plan/scale-plan.ts';
import type { Actor } from './actor.ts';
import type { ActorSet } from './actors.ts';
import { StartFailure } from './failure.ts';
import type { RunContext } from './run-context.ts';

/** Where the plan of the run is kept. */
export interface PlanKeeper {
  /** Replaces the plan, on disk as well. Returns what prevented that, in words. */
  keep(plan: Plan): string | undefined;
}

/** Upstream's frontends took 0.1 to 2 s. */
const knownWithinMs = 30_000;

/**
 * Settles when what is added has answered and what is removed is gone. If something that is added fails, the run is as it was
 * before that step; then it throws DynamoError, or StartFailure.
 */
export async function carryOut(
  run: RunContext,
  set: ActorSet,
  { added, removed, order, during, after }: PlanChange,
  keeper: PlanKeeper,
): Promise<void> {
  if (run.shutdown.signal.aborted) throw ended(run, undefined);
  if (order === 'add-first') {
    await add(run, set, { added, plan: during }, keeper);
    await remove(run, set, { removed, plan: after }, keeper);
  } else {
    const between = without(after, added);
    await remove(run, set, { removed, plan: between }, keeper);
    await add(run, set, { added, plan: after }, keeper);
  }
}

interface Addition {
  readonly added: readonly ProcessSpec[];
  /** With them. */
  readonly plan: Plan;
}

/** The plan on disk has them from the start, so that `ps`, logs and pages show how they load. */
async function add(
  run: RunContext,
  set: ActorSet,
  { added, plan }: Addition,
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
  const lost = new AbortController();
  for (const name of names) run.onTrial.set(name, (reason) => lost.abort(new StartFailure(reason)));
  const until = AbortSignal.any([shutdown.signal, lost.signal]);
  try {
    await allStarted(actors);
    until.throwIfAborted();
    await prove(run, set, added, until);
    until.throwIfAborted();
  } catch (error) {
    // The end of the run stops them, too.
    if (shutdown.signal.aborted) throw ended(run, error);
    await takeBack(run, set, { actors, plan: before }, keeper);
    throw error;
  } finally {
    for (const name of names) run.onTrial.delete(name);
  }
}

/** All of them have started or failed before one failure counts: nothing may start after it was taken back. */
async function allStarted(actors: readonly Actor[]): Promise<void> {
  const starts = await Promise.allSettled(actors.map(async (actor) => await actor.start()));
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

async function takeBack(
  run: RunContext,
  set: ActorSet,
  { actors, plan }: { readonly actors: readonly Actor[]; readonly plan: Plan },
  keeper: PlanKeeper,
): Promise<void> {
  await drained(run, actors, (spec) => spec.loadingStopGraceMs ?? spec.stopGraceMs);
  leave(run, set, { names: actors.map(({ spec }) => spec.name), plan }, keeper);
}

interface Removal {
  readonly removed: readonly ProcessSpec[];
  /** Without them. */
  readonly plan: Plan;
}

/**
 * A worker leaves discovery, finishes its requests on SIGTERM, and ends. It stays in the plan until it is gone. On SIGTERM alone,
 * the mocker accepts nothing at once, and what the frontend sends before it notices is lost. Seen with 1.1.1 and 1.6.1.
 */
async function remove(
  run: RunContext,
  set: ActorSet,
  { removed, plan }: Removal,
  keeper: PlanKeeper,
): Promise<void> {
  if (removed.length === 0) return;
  // From now on the frontend may know fewer of them.
  if (isServing(run.plan) && isServing(plan)) run.adopt({ ...run.plan, expected: plan.expected });
  const { plan: now, deps, journal } = run;
  const serving = removed.filter(({ name }) => journal.stateOf(name) === 'ready');
  if (isServing(now))
    await Promise.all(serving.map(async (spec) => await deps.leaveDiscovery(now, spec, run.shutdown.signal)));
  const actors = removed.flatMap(({ name }) => set.all.get(name) ?? []);
  await drained(run, actors, ({ stopGraceMs }) => stopGraceMs);
  if (run.shutdown.signal.aborted) throw ended(run, undefined);
  leave(run, set, { names: removed.map(({ name }) => name), plan }, keeper);
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
function leave(
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
  const expected = plan.expected.map((place) => ({ ...place, count: ready.filter(isAt(place)).length }));
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

function isAt(place: ExpectedInstances): (spec: ProcessSpec) => boolean {
  return ({ registersAs: at }) =>
    at?.namespace === place.namespace && at.component === place.component && at.endpoint === place.endpoint;
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
    count: place.count - added.filter(isAt(place)).length,
  }));
  return { ...next, expected };
}
