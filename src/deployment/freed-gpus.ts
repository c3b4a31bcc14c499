/** A process that had GPUs counts as stopped when their memory is free again: who starts next finds it, or is told. */
import type { Environment } from '../base/environment.ts';
import { systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { type ComputeApp, computeApps, findNvidiaSmi } from '../gpu/nvidia-smi.ts';
import { gibText } from '../gpu/holders.ts';
import { inventory } from '../gpu/inventory.ts';
import { type GpuLook, residues } from '../gpu/freed.ts';
import { deviceName } from '../plan/gpu-demand.ts';
import type { Plan, ProcessSpec } from '../plan/plan.ts';
import { isLiving, readStat } from '../process/proc.ts';
import type { Tracker } from '../process/tracker.ts';
import type { Child, Launcher } from '../supervisor/contracts.ts';
import { stillHeldText } from './still-held.ts';

/**
 * Measured are 0.3 s; after this something is wrong.
 * Source: docs/upstream/memory-and-gpus.md#when-memory-comes-back.
 */
const limitMs = 5_000;
const pauseMs = 100;

export interface FreedGpusDependencies {
  readonly plan: Plan;
  readonly tracker: Tracker;
  readonly note: (text: string) => void;
  /** Where nvidia-smi is found, and what it inherits. */
  readonly environment: Environment;
}

/** Where there is no nvidia-smi nothing is waited for. */
export function withFreedGpus(launcher: Launcher, deps: FreedGpusDependencies): Launcher {
  let idle: Promise<GpuLook | undefined> | undefined;
  return {
    launch: async (spec, watch) => {
      if (spec.gpus.length === 0 || findNvidiaSmi(deps.environment) === undefined)
        return await launcher.launch(spec, watch);
      const before = await (idle ??= look(deps.environment));
      const child = await launcher.launch(spec, watch);
      return before === undefined ? child : withFreedMemory(child, spec, before, deps);
    },
  };
}

function withFreedMemory(
  child: Child,
  spec: ProcessSpec,
  before: GpuLook,
  deps: FreedGpusDependencies,
): Child {
  const gpus = before.gpus.filter((gpu) => spec.gpus.includes(deviceName(gpu)));
  const uuids = gpus.map(({ uuid }) => uuid);
  const isShared = deps.plan.processes.some(
    ({ name, gpus: others }) => name !== spec.name && others.some((each) => spec.gpus.includes(each)),
  );
  const nameOf = (uuid: string): string => {
    const gpu = gpus.find((each) => each.uuid === uuid);
    return `GPU ${gpu === undefined ? uuid : deviceName(gpu)}`;
  };
  const hurried = deferred<number>();
  return {
    ...child,
    stop: async (graceMs) => {
      // A forced stop does not wait to learn how much it was.
      const held = await Promise.race([heldBy(spec.name, uuids, deps), hurried.promise]);
      const report = await child.stop(graceMs);
      if (held === undefined || report.left.length > 0) return report;
      const rest = await untilFree(uuids, before, isShared, deps.environment);
      if (rest === undefined) return report;
      const kept = [...rest].map(([uuid, mib]) => `${gibText(mib)} of ${nameOf(uuid)}`);
      if (kept.length > 0) deps.note(stillHeldText(deps.plan.processes, spec, kept, limitMs));
      else if (held > 0) deps.note(`${spec.name}: ${gibText(held)} of GPU memory came back`);
      return report;
    },
    kill: () => {
      hurried.resolve(0);
      child.kill();
    },
  };
}

/** In MiB, as nvidia-smi lists it for what the process started; `undefined` when it does not answer. */
async function heldBy(
  name: string,
  uuids: readonly string[],
  { tracker, environment }: FreedGpusDependencies,
): Promise<number | undefined> {
  const seen = await look(environment);
  if (seen === undefined) return undefined;
  const mine = (await tracker.scan()).filter(({ process }) => process === name).map(({ pid }) => pid);
  const isMine = ({ pid, gpuUuid }: ComputeApp): boolean => mine.includes(pid) && uuids.includes(gpuUuid);
  return seen.apps.filter(isMine).reduce((sum, { usedMiB = 0 }) => sum + usedMiB, 0);
}

/** What is still held in the end, by UUID; `undefined` where nobody can tell. */
async function untilFree(
  uuids: readonly string[],
  before: GpuLook,
  isShared: boolean,
  environment: Environment,
): Promise<ReadonlyMap<string, number> | undefined> {
  const deadline = systemClock.now() + limitMs;
  for (;;) {
    const now = await look(environment);
    if (now === undefined) return undefined;
    const rest = residues(uuids, before, now);
    if (rest.size === 0) return rest;
    // In a container nobody may be listed: then it may be that of the process that it shares the GPU with.
    if (isShared && !now.apps.some(({ gpuUuid }) => uuids.includes(gpuUuid))) return undefined;
    if (systemClock.now() >= deadline) return rest;
    await systemClock.sleep(pauseMs);
  }
}

/** `undefined` when nvidia-smi does not answer, which the doctor explains. */
async function look(environment: Environment): Promise<GpuLook | undefined> {
  const [{ gpus, problem }, { apps, problem: unlisted }] = await Promise.all([
    inventory(environment),
    computeApps(environment),
  ]);
  if (problem !== undefined || unlisted !== undefined) return undefined;
  return { gpus, apps: apps.filter(({ pid }) => isLiving(readStat(pid))) };
}
