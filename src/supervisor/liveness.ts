/** Looks after processes that were ready: one that lives but does not answer, or that the frontend lost, is ended and counts as failed. */
import type { Clock } from '../base/clock.ts';
import { type LivenessRule, type Plan, type ProcessSpec, isServing } from '../plan/plan.ts';
import type { Actor, Actors } from './actor.ts';
import type { Prober } from './contracts.ts';
import { unhealthy } from './failure.ts';
import type { LiveRun } from './live-run.ts';

/** Settles when the run is being taken down. Never rejects. */
export async function lookAfter(run: LiveRun, actors: Actors): Promise<void> {
  const { plan, world, journal, shutdown } = run;
  await watchHealth(plan, {
    prober: world.prober,
    clock: world.clock,
    shutdown: shutdown.signal,
    isReady: (process) => journal.stateOf(process) === 'ready',
    onUnhealthy: ({ name }, seen) => {
      const actor = actors.get(name);
      if (actor !== undefined) giveUpUnhealthy(run, actor, seen);
    },
  });
}

interface HealthWorld {
  readonly prober: Prober;
  readonly clock: Clock;
  readonly shutdown: AbortSignal;
  readonly isReady: (process: string) => boolean;
  /** It failed as often in a row as its rule allows; `seen` is what was wrong the last time. */
  readonly onUnhealthy: (spec: ProcessSpec, seen: string) => void;
}

/** Settles when the run is being taken down; never rejects. */
async function watchHealth(plan: Plan, world: HealthWorld): Promise<void> {
  const groups = new Map<string, { rule: LivenessRule; group: ProcessSpec[] }>();
  for (const spec of plan.processes) {
    const rule = spec.liveness ?? plan.liveness;
    const { periodMs, timeoutMs, failureThreshold } = rule;
    const key = `${periodMs} ${timeoutMs} ${failureThreshold}`;
    const { group } = groups.get(key) ?? { group: [] };
    groups.set(key, { rule, group: [...group, spec] });
  }
  await Promise.all([...groups.values()].map(({ rule, group }) => watchGroup(plan, group, rule, world)));
}

/** One round every period for all processes of one rule. */
async function watchGroup(
  plan: Plan,
  group: readonly ProcessSpec[],
  rule: LivenessRule,
  world: HealthWorld,
): Promise<void> {
  const { clock, shutdown, isReady, onUnhealthy } = world;
  const { periodMs, failureThreshold } = rule;
  const failures = new Map<string, number>();
  for (;;) {
    await clock.sleep(periodMs, shutdown).catch(() => {});
    if (shutdown.aborted) return;
    const ready = group.filter(({ name }) => isReady(name));
    const wrong = await whatIsWrong(plan, ready, rule, world);
    if (shutdown.aborted) return;
    for (const spec of group) {
      const seen = wrong.get(spec.name);
      // What ended meanwhile is not unhealthy but gone, and is treated as that.
      const count = seen === undefined || !isReady(spec.name) ? 0 : (failures.get(spec.name) ?? 0) + 1;
      failures.set(spec.name, count % failureThreshold);
      if (seen !== undefined && count === failureThreshold) onUnhealthy(spec, seen);
    }
  }
}

/**
 * In words, by process. A worker that stood still for longer than its lease never comes back by itself, while its own
 * status stays good. Which of several equal workers is missing cannot be told from here.
 * Source: docs/upstream/discovery.md#file.
 */
async function whatIsWrong(
  plan: Plan,
  ready: readonly ProcessSpec[],
  { timeoutMs }: LivenessRule,
  { prober, isReady }: HealthWorld,
): Promise<Map<string, string>> {
  // Without etcd the frontend knows nobody, and that is no fault of the workers.
  const knows = plan.processes.every(({ kind, name }) => kind !== 'infra' || isReady(name));
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

function nameOf(instance: { namespace: string; component: string; endpoint: string }): string {
  return `${instance.namespace}.${instance.component}.${instance.endpoint}`;
}

/** It lost a process that it cannot serve without, which `seen` says in words. */
export function giveUpDegraded(run: LiveRun, actor: Actor, seen: string): void {
  giveUp(run, actor, seen, actor.spec.degradedStopGraceMs);
}

/** It failed its checks as often as its rule allows; `seen` is what was wrong the last time. */
function giveUpUnhealthy(run: LiveRun, actor: Actor, seen: string): void {
  giveUp(run, actor, seen, (actor.spec.liveness ?? run.plan.liveness).stopGraceMs);
}

function giveUp({ journal, underWay }: LiveRun, actor: Actor, seen: string, graceMs?: number): void {
  const { name, stopGraceMs } = actor.spec;
  journal.tell({ type: 'unhealthy', process: name, seen });
  void underWay.track(
    actor.discard(unhealthy(actor.spec, seen), Math.min(stopGraceMs, graceMs ?? stopGraceMs)),
  );
}
