/**
 * In the supervisor: carries out what NVIDIA's planner decides, and acknowledges it. Upstream's planner only writes its
 * decisions to etcd outside Kubernetes, and waits for somebody who starts and stops workers.
 */
import type { Clock } from '../base/clock.ts';
import type { Environment } from '../base/environment.ts';
import { messageOf } from '../base/error-code.ts';
import { type PlannerKeys, plannerKeys } from '../infra/planner-keys.ts';
import { plannerName } from '../plan/planner.ts';
import { type Plan, type PlannerPlan, runsModel, workerCounts } from '../plan/plan.ts';
import { linesSince } from '../run/log-file.ts';
import type { RunEvent } from '../supervisor/events.ts';
import {
  afterFailure,
  afterSuccess,
  nextStep,
  numbersText,
  type PlannerMemory,
  type PlannerStep,
  type PlannerView,
  reasonIn,
} from '../supervisor/planner-steps.ts';
import type { EventData, RunStatus } from '../supervisor/status.ts';

/** Throws for a plan without a planner. */
function plannerOf(plan: Plan): PlannerPlan {
  if (runsModel(plan) && plan.planner !== undefined) return plan.planner;
  throw new Error(`${plan.runId} has no planner`);
}

export interface FollowSettings {
  /** Of now. */
  readonly plan: () => Plan;
  readonly status: () => RunStatus;
  /** Changes the number of workers; settles when they serve, or are gone. Rejects with DynamoError or StartFailure. */
  readonly scale: (replicas: Readonly<Record<string, number>>) => Promise<unknown>;
  /** Restarts one process. */
  readonly restart: (process: string) => Promise<void>;
  readonly record: (event: EventData) => void;
  /** Of the run, with the credentials of an external etcd. */
  readonly environment: Environment;
  readonly clock: Clock;
  /** For tests; default: those in etcd. */
  readonly keys?: PlannerKeys;
}

export interface PlannerFollower {
  hear(event: RunEvent): void;
  /** Settles when nothing is in progress any more. */
  end(): Promise<void>;
}

/** The planner itself decides every 5 s by default. */
const periodMs = 1_000;
/** More than it logs between two decisions, also with many workers. */
const logBytes = 64 * 1024;

export function followPlanner(settings: FollowSettings): PlannerFollower {
  const { clock, record } = settings;
  const keys = settings.keys ?? keysOf(settings);
  const ended = new AbortController();
  let memory: PlannerMemory = {};
  let problem: string | undefined;
  let clearing: Promise<void> = Promise.resolve();
  const look = async (): Promise<void> => {
    await clearing;
    const wish = await keys.read();
    const view: PlannerView = {
      now: clock.now(),
      wish,
      replicas: workerCounts(settings.plan()),
      busy: busyNow(settings),
    };
    const next = nextStep(plannerOf(settings.plan()), memory, view);
    ({ memory } = next);
    if (!ended.signal.aborted) memory = await take(next.step, memory, { ...settings, keys });
  };
  const loop = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      try {
        if (settings.status().phase === 'ready') await look();
        problem = undefined;
      } catch (error) {
        // Once, not every second: etcd may be restarting.
        const now = messageOf(error);
        if (problem !== now && !ended.signal.aborted)
          record({ type: 'note', text: `decisions of the planner cannot be read: ${now}` });
        problem = now;
      }
      await clock.sleep(periodMs, ended.signal).catch(() => {});
    }
  };
  const looping = loop();
  return {
    hear: (event) => {
      // A planner waits for ever for what the one before it decided.
      if (event.type === 'process' && event.process === plannerName && event.state === 'starting')
        clearing = keys.clear().catch(() => {});
    },
    end: async () => {
      ended.abort();
      await looping;
    },
  };
}

function keysOf({ plan, environment }: FollowSettings): PlannerKeys {
  const now = plan();
  const namespace = runsModel(now) ? now.namespace : '';
  return plannerKeys(now.infra?.etcd?.addresses ?? [], namespace, environment);
}

/** Why nothing can be changed: a worker that starts would be counted as one that serves. */
function busyNow({ plan, status }: FollowSettings): string | undefined {
  const { processes } = status();
  const late = plan().processes.find(
    ({ name, kind }) => kind === 'worker' && processes[name]?.state !== 'ready',
  );
  return late === undefined ? undefined : `${late.name} is ${processes[late.name]?.state ?? 'not started'}`;
}

/** Returns what is known afterwards. Rejects only if etcd does not answer. */
async function take(
  step: PlannerStep,
  memory: PlannerMemory,
  settings: FollowSettings & { readonly keys: PlannerKeys },
): Promise<PlannerMemory> {
  const { clock, record, keys, scale, restart } = settings;
  switch (step.kind) {
    case 'wait':
      return memory;
    case 'acknowledge':
      await keys.acknowledge(step.wish.decision);
      return memory;
    case 'refuse':
      record({ type: 'decision', outcome: 'refused', wants: step.wants, why: step.why });
      return memory;
    case 'reset':
      record({ type: 'note', text: `${step.because}: the planner is restarted, and looks again` });
      await restart(plannerName);
      return memory;
    case 'carry-out': {
      const { wish, replicas, from, again } = step;
      const wants = numbersText(replicas);
      if (!again) record({ type: 'decision', outcome: 'taken', wants, why: reasonNow(settings, from) });
      const beganAt = clock.now();
      try {
        await scale(replicas);
      } catch (error) {
        const why = messageOf(error).replace(/\.$/, '');
        if (memory.refused?.why !== why) record({ type: 'decision', outcome: 'refused', wants, why });
        return afterFailure(memory, wish, { now: clock.now(), why });
      }
      const now = clock.now();
      const grew = Object.entries(replicas).some(([name, count]) => count > (from[name] ?? 0));
      record({
        type: 'decision',
        outcome: 'done',
        wants,
        why: `after ${((now - beganAt) / 1000).toFixed(1)} s`,
      });
      await keys.acknowledge(wish.decision);
      return afterSuccess(memory, wish, { now, tookMs: now - beganAt, grew });
    }
  }
}

/** In the words of the planner, if it has logged them already. */
function reasonNow({ plan }: FollowSettings, from: Readonly<Record<string, number>>): string {
  const spec = plan().processes.find(({ name }) => name === plannerName);
  const reason = spec === undefined ? undefined : reasonIn(linesSince(spec.logFile, 0, logBytes));
  return [`was ${numbersText(from)}`, ...(reason === undefined ? [] : [reason])].join('; ');
}
