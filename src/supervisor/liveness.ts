/** Monitors processes that were ready: one that does not respond, or that the frontend lost, is stopped and counts as failed. */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import { isServing, type LivenessRule, type Plan, type ProcessSpec } from '../plan/plan.ts';
import type { Actor, Actors } from './actor.ts';
import type { Prober } from './contracts.ts';
import type { LostChild } from '../base/error.ts';
import { type Trouble, unhealthy } from './failure.ts';
import type { RunContext } from './run-context.ts';

/** Settles when the run shuts down. Never rejects. */
export async function monitor(run: RunContext, actors: Actors): Promise<void> {
  const { deps, journal, shutdown } = run;
  void watchOtherHosts(run);
  void watchOtherRanks(run, actors);
  void watchWork(run, actors);
  while (!shutdown.signal.aborted) {
    await watchHealth(run.plan, {
      prober: deps.prober,
      clock: deps.clock,
      shutdown: AbortSignal.any([shutdown.signal, run.replaced()]),
      isReady: (process) => journal.stateOf(process) === 'ready',
      onUnhealthy: ({ name }, seen) => {
        const actor = actors.get(name);
        if (actor !== undefined) giveUpUnhealthy(run, actor, seen);
      },
    });
  }
}

interface HealthDependencies {
  readonly prober: Prober;
  readonly clock: Clock;
  readonly shutdown: AbortSignal;
  readonly isReady: (process: string) => boolean;
  /** It failed `failureThreshold` checks in a row; `seen` is what the last one found. */
  readonly onUnhealthy: (spec: ProcessSpec, seen: string) => void;
}

/** Settles when the run shuts down or its plan is replaced; never rejects. */
async function watchHealth(plan: Plan, deps: HealthDependencies): Promise<void> {
  const groups = new Map<string, { rule: LivenessRule; group: ProcessSpec[] }>();
  for (const spec of plan.processes) {
    const rule = spec.liveness ?? plan.liveness;
    const { periodMs, timeoutMs, failureThreshold } = rule;
    const key = `${periodMs} ${timeoutMs} ${failureThreshold}`;
    const { group } = groups.get(key) ?? { group: [] };
    groups.set(key, { rule, group: [...group, spec] });
  }
  await Promise.all([...groups.values()].map(({ rule, group }) => watchGroup(plan, group, rule, deps)));
}

/** Checks all processes that share a rule once per period. */
async function watchGroup(
  plan: Plan,
  group: readonly ProcessSpec[],
  rule: LivenessRule,
  deps: HealthDependencies,
): Promise<void> {
  const { clock, shutdown, isReady, onUnhealthy } = deps;
  const { periodMs, failureThreshold } = rule;
  const failures = new Map<string, number>();
  for (;;) {
    await clock.sleep(periodMs, shutdown).catch(() => {});
    if (shutdown.aborted) return;
    const ready = group.filter(({ name }) => isReady(name));
    const wrong = await whatIsWrong(plan, ready, rule, deps);
    if (shutdown.aborted) return;
    for (const spec of group) {
      const seen = wrong.get(spec.name);
      // A process that ended meanwhile is handled as an exit, not as unhealthy.
      const count = seen === undefined || !isReady(spec.name) ? 0 : (failures.get(spec.name) ?? 0) + 1;
      failures.set(spec.name, count % failureThreshold);
      if (seen !== undefined && count === failureThreshold) onUnhealthy(spec, seen);
    }
  }
}

/**
 * What is wrong, by process. A worker that was suspended for longer than its lease never registers again by itself, while
 * its own status stays good. If one of several equal workers is missing, it is unknown which one.
 * Source: docs/upstream/discovery.md#file.
 */
async function whatIsWrong(
  plan: Plan,
  ready: readonly ProcessSpec[],
  { timeoutMs }: LivenessRule,
  { prober, isReady }: HealthDependencies,
): Promise<Map<string, string>> {
  // Without etcd the frontend knows no worker, and that is not the workers' fault.
  const knows = plan.processes.every(
    ({ kind, name, watches }) => kind !== 'infra' || watches === true || isReady(name),
  );
  const asked = knows && isServing(plan) && ready.some(({ registersAs }) => registersAs !== undefined);
  const [missing, ...checks] = await Promise.all([
    asked ? prober.missing(plan, timeoutMs) : [],
    ...ready.map(async ({ probe }) => await prober.check(probe, timeoutMs)),
  ]);
  const lost = new Set(missing.filter(({ count }) => count === 1).map(nameOf));
  return new Map(
    ready.flatMap(({ name, registersAs }, i): [string, string][] => {
      const seen = checks[i];
      if (seen !== undefined) return [[name, seen]];
      const gone = registersAs !== undefined && lost.has(nameOf(registersAs));
      return gone ? [[name, 'the frontend does not know it any more']] : [];
    }),
  );
}

/**
 * Says when workers on other hosts are gone and when they are back: restarting them is for their own hosts. Never rejects.
 */
async function watchOtherHosts({ plan, deps, journal, shutdown }: RunContext): Promise<void> {
  if (!isServing(plan) || plan.share === undefined) return;
  const here = new Set(plan.processes.flatMap(({ registersAs }) => (registersAs ? nameOf(registersAs) : [])));
  const { periodMs, timeoutMs, failureThreshold } = plan.liveness;
  const rounds = new Map<string, number>();
  while (!shutdown.signal.aborted) {
    await deps.clock.sleep(periodMs, shutdown.signal).catch(() => {});
    const missing = new Set((await deps.prober.missing(plan, timeoutMs)).map(nameOf));
    for (const instance of plan.expected) {
      const name = nameOf(instance);
      if (here.has(name) || shutdown.signal.aborted) continue;
      const before = rounds.get(name) ?? 0;
      const now = missing.has(name) ? before + 1 : 0;
      rounds.set(name, now);
      const what = `${instance.component}, on another host,`;
      if (now === failureThreshold)
        journal.record({ type: 'note', text: `the frontend does not know ${what} any more` });
      if (now === 0 && before >= failureThreshold) journal.record({ type: 'note', text: `${what} is back` });
    }
  }
}

async function watchOtherRanks(run: RunContext, actors: Actors): Promise<void> {
  const ranked = [...actors.values()].filter(({ spec }) => spec.rank !== undefined);
  if (ranked.length === 0 || run.deps.peers === undefined) return;
  const { watchRanks } = await import('./ranks.ts');
  const watches = ranked.map(async (actor) => {
    await watchRanks(run, actor.spec, (seen) => giveUp(run, actor, { seen }, actor.spec.degradedStopGraceMs));
  });
  await Promise.all(watches);
}

/** Workers that answer health checks and do nothing. */
async function watchWork(run: RunContext, actors: Actors): Promise<void> {
  const { deps, plan, journal } = run;
  if (deps.work === undefined || plan.processes.every(({ standstillMs }) => standstillMs === undefined))
    return;
  try {
    const [prober, { watchStandstill }] = await Promise.all([deps.work(), import('./standstill.ts')]);
    await watchStandstill(run, actors, prober, (actor, trouble) =>
      giveUp(run, actor, trouble, actor.spec.degradedStopGraceMs),
    );
  } catch (error) {
    journal.record({
      type: 'note',
      text: `workers that stand still will not be noticed: ${messageOf(error)}`,
    });
  }
}

function nameOf(instance: { namespace: string; component: string; endpoint: string }): string {
  return `${instance.namespace}.${instance.component}.${instance.endpoint}`;
}

/** It lost a child process that it cannot serve without. */
export function giveUpDegraded(run: RunContext, actor: Actor, lostChild: LostChild): void {
  const seen = `its ${lostChild.name} (pid ${lostChild.pid}) ended`;
  giveUp(run, actor, { seen, lostChild }, actor.spec.degradedStopGraceMs);
}

/** It failed too many checks in a row; `seen` is what the last one found. */
function giveUpUnhealthy(run: RunContext, actor: Actor, seen: string): void {
  giveUp(run, actor, { seen }, (actor.spec.liveness ?? run.plan.liveness).stopGraceMs);
}

function giveUp(
  { journal, pendingWork }: RunContext,
  actor: Actor,
  trouble: Trouble,
  graceMs?: number,
): void {
  const { name, stopGraceMs } = actor.spec;
  journal.record({ type: 'unhealthy', process: name, ...trouble });
  void pendingWork.track(
    actor.discard(unhealthy(actor.spec, trouble), Math.min(stopGraceMs, graceMs ?? stopGraceMs)),
  );
}
