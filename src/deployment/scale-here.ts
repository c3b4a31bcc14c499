/** In the supervisor: carries out a change of its run, and takes and gives back the ports and GPUs that it is about. */
import { writeFileSync } from 'node:fs';
import { DynamoError } from '../base/error.ts';
import { messageOf } from '../base/error-code.ts';
import type { Identity } from '../base/identity.ts';
import { type Plan, type ProcessSpec, workerCounts } from '../plan/plan.ts';
import {
  type ChangeFacts,
  changeOf,
  type PlanChange,
  replacementOf,
  requireScalable,
  scalePlan,
} from '../plan/scale-plan.ts';
import { isAlive } from '../process/identity.ts';
import { releasePortHolds } from '../process/ports.ts';
import type { Claim } from '../run/claim.ts';
import { portsOf, releasePorts, releaseSomeGpus } from '../run/leases.ts';
import type { AddedProcess, ChangeReport, Replacement } from '../run/protocol.ts';
import { writePlan } from '../run/record.ts';
import { StartFailure } from '../supervisor/failure.ts';
import type { PlanKeeper } from '../supervisor/retire.ts';
import type { Supervision } from '../supervisor/supervise.ts';
import { busyPorts, gpusHere, withLeases } from './host-facts.ts';
import { keptLosing, planMs, takePlaces } from './prepare-run.ts';
import type { PreparedRun } from './tidy-up.ts';

export interface LiveRun {
  /** Its plan is that of now. */
  readonly run: PreparedRun;
  readonly supervision: Supervision;
  readonly supervisor: Identity;
  /** From now on the run has this plan. */
  readonly adopt: (plan: Plan) => void;
}

/** Throws DynamoError or StartFailure; then the run is as before, or has ended. */
export async function scaleHere(
  live: LiveRun,
  replicas: Readonly<Record<string, number>>,
): Promise<ChangeReport> {
  return await changeHere(live, (plan, facts) => scalePlan(plan, replicas, facts));
}

/**
 * One worker after the other. Throws DynamoError or StartFailure at the first one that fails, and says which were replaced; the
 * old one stays, or is started again where the new one had to take its GPUs.
 */
export async function replaceHere(
  live: LiveRun,
  { names, templates, startWithinMs }: Replacement,
): Promise<ChangeReport> {
  const beganAt = performance.now();
  const added: AddedProcess[] = [];
  const removed: string[] = [];
  for (const name of names) {
    const old = live.run.plan.processes.find((spec) => spec.name === name);
    const template = templates[old?.component ?? ''];
    if (old === undefined || template === undefined) continue;
    try {
      const report = await changeHere(live, (plan, facts) => ({
        ...replacementOf(plan, name, template, facts),
        startWithinMs,
      }));
      added.push(...report.added);
      removed.push(...report.removed);
    } catch (error) {
      await bringBack(live, old);
      throw partly(error, removed, names);
    }
  }
  return {
    added,
    removed,
    replicas: workerCounts(live.run.plan),
    tookMs: Math.round(performance.now() - beganAt),
  };
}

/** Never rejects: the first failure counts. */
async function bringBack(live: LiveRun, old: ProcessSpec): Promise<void> {
  if (live.run.plan.processes.some(({ name }) => name === old.name)) return;
  await changeHere(live, (plan, facts) =>
    changeOf(requireScalable(plan), [{ name: old.name, template: old }], [], facts),
  ).catch(() => {});
}

function partly(error: unknown, removed: readonly string[], names: readonly string[]): unknown {
  const reason =
    error instanceof StartFailure ? error.failure : error instanceof DynamoError ? error : undefined;
  if (reason === undefined) return error;
  const rest = names.filter((name) => !removed.includes(name));
  const details = [
    ...(removed.length === 0 ? [] : [`Replaced: ${removed.join(', ')}.`]),
    `As before: ${rest.join(', ')}.`,
  ];
  const message = reason.message.replace(/\.?$/, '.');
  return new DynamoError(reason.code, message.charAt(0).toUpperCase() + message.slice(1), {
    cause: error,
    details,
    hint: reason.hint,
    fields: reason.fields ?? {},
  });
}

/** `make` is pure; called again if another run took a port or a GPU first. */
export async function changeHere(
  live: LiveRun,
  make: (plan: Plan, facts: ChangeFacts) => PlanChange,
): Promise<ChangeReport> {
  const { run, supervision } = live;
  const beganAt = performance.now();
  const before = run.plan;
  let during = before;
  const planned = async (now: Plan): Promise<PlanChange> => {
    const change = await planAndTake(live, now, make);
    ({ during } = change);
    return change;
  };
  try {
    const { added, removed } = await supervision.change(planned, keeperOf(live));
    return {
      added: added.map(({ name, ports, gpus }) => ({ name, ports, gpus })),
      removed: removed.map(({ name }) => name),
      replicas: workerCounts(run.plan),
      tookMs: Math.round(performance.now() - beganAt),
    };
  } finally {
    giveBack(live, [before, during]);
  }
}

async function planAndTake(
  { run: { folders, environment }, supervisor }: LiveRun,
  plan: Plan,
  make: (plan: Plan, facts: ChangeFacts) => PlanChange,
): Promise<PlanChange> {
  const { variables } = environment;
  const mine: Claim = { runId: plan.runId, holder: supervisor };
  const freeAt = performance.now();
  const busy = busyPorts(folders, []);
  // Without GPUs in the plan, its workers need none.
  const { gpus, problem } =
    plan.gpuUuids.length === 0 ? { gpus: [] } : await gpusHere({ folders, environment: variables });
  while (performance.now() - freeAt < planMs) {
    const change = make(plan, {
      environment: variables,
      busyPorts: busy,
      gpus: withLeases(gpus, folders),
      gpuProblem: problem,
    });
    const wanted = {
      ports: difference(portsOf(change.during), portsOf(plan)),
      gpuUuids: difference(change.during.gpuUuids, plan.gpuUuids),
      freeAt,
    };
    if (await takePlaces(folders, wanted, mine, busy)) return change;
  }
  throw keptLosing();
}

/** What plans of a change have and the run does not have any more. */
function giveBack({ run, supervisor }: LiveRun, plans: readonly Plan[]): void {
  const { plan, folders } = run;
  const mine: Claim = { runId: plan.runId, holder: supervisor };
  releasePortHolds(plans.flatMap(portsOf));
  releasePorts(folders, difference(plans.flatMap(portsOf), portsOf(plan)), mine, isAlive);
  const gpus = difference(
    plans.flatMap(({ gpuUuids }) => gpuUuids),
    plan.gpuUuids,
  );
  releaseSomeGpus(folders, gpus, mine, isAlive);
}

function keeperOf({ run, adopt }: LiveRun): PlanKeeper {
  return {
    keep: (plan) => {
      const filesBefore = run.plan.infra?.files ?? [];
      adopt(plan);
      try {
        for (const file of plan.infra?.files ?? []) {
          // In its place: a container has the file mounted, not its folder.
          if (!filesBefore.includes(file)) writeFileSync(file.path, file.text, { mode: 0o600 });
        }
        writePlan(run.files, plan);
        return undefined;
      } catch (error) {
        return messageOf(error);
      }
    },
  };
}

function difference<T>(these: readonly T[], without: readonly T[]): T[] {
  const known = new Set(without);
  return [...new Set(these)].filter((each) => !known.has(each));
}
