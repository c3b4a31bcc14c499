/** Waits until the driver has freed GPU memory of ended processes, so that the next process can use it; reports what is missing. */
import type { Environment } from '../base/environment.ts';
import { systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { type ComputeApp, computeApps, findNvidiaSmi } from '../gpu/nvidia-smi.ts';
import { gibText } from '../base/units.ts';
import type { HeldMemory } from '../gpu/holders.ts';
import { inventory, type GpuDetails } from '../gpu/inventory.ts';
import { residues, type GpuSnapshot, untilFreed } from '../gpu/freed.ts';
import { deviceName } from '../plan/gpu-demand.ts';
import type { Plan, ProcessSpec } from '../plan/plan.ts';
import { isLiving, readStat } from '../process/proc.ts';
import type { Tracker } from '../process/tracker.ts';
import type { Child, Launcher } from '../supervisor/contracts.ts';
import { factsOf } from '../process/facts.ts';

/**
 * It took 0.3 s; after this time, something is wrong.
 * Source: docs/upstream/memory-and-gpus.md#when-memory-comes-back.
 */
const stopLimitMs = 5_000;
const pauseMs = 100;

interface FreedGpusDependencies {
  /** Its plan may change meanwhile. */
  readonly run: { readonly plan: Plan };
  readonly tracker: Tracker;
  readonly note: (text: string) => void;
  /** The environment of nvidia-smi, with the PATH to find it. */
  readonly environment: Environment;
}

/** Stopping a process that used GPUs waits for their memory. Without nvidia-smi, it does not wait. */
export function withFreedGpus(launcher: Launcher, deps: FreedGpusDependencies): Launcher {
  let idle: Promise<GpuSnapshot | undefined> | undefined;
  return {
    launch: async (spec, watch) => {
      if (spec.gpus.length === 0 || findNvidiaSmi(deps.environment) === undefined)
        return await launcher.launch(spec, watch);
      const before = await (idle ??= lookAtGpus(deps.environment));
      const child = await launcher.launch(spec, watch);
      return before === undefined ? child : withFreedMemory(child, spec, before, deps);
    },
  };
}

function withFreedMemory(
  child: Child,
  spec: ProcessSpec,
  before: GpuSnapshot,
  deps: FreedGpusDependencies,
): Child {
  const gpus = before.gpus.filter((gpu) => spec.gpus.includes(deviceName(gpu)));
  const uuids = gpus.map(({ uuid }) => uuid);
  const isShared = deps.run.plan.processes.some(
    ({ name, gpus: others }) => name !== spec.name && others.some((each) => spec.gpus.includes(each)),
  );
  const nameOf = (uuid: string): string => {
    const gpu = gpus.find((each) => each.uuid === uuid);
    return `GPU ${gpu === undefined ? uuid : deviceName(gpu)}`;
  };
  const forced = deferred<number>();
  return {
    ...child,
    stop: async (graceMs) => {
      // A forced stop does not wait to learn how much it was.
      const held = await Promise.race([heldBy(spec.name, uuids, deps), forced.promise]);
      const report = await child.stop(graceMs);
      if (held === undefined || report.left.length > 0) return report;
      const rest = await untilFree(uuids, before, isShared, deps.environment);
      if (rest === undefined) return report;
      const kept = [...rest].map(([uuid, mib]) => `${gibText(mib)} of ${nameOf(uuid)}`);
      if (kept.length > 0) deps.note(stillHeldText(deps.run.plan.processes, spec, kept, stopLimitMs));
      else if (held > 0) deps.note(`${spec.name}: ${gibText(held)} of GPU memory freed`);
      return report;
    },
    kill: () => {
      forced.resolve(0);
      child.kill();
    },
  };
}

/** GPU memory of the process and its descendants in MiB, from nvidia-smi; `undefined` if that does not answer. */
async function heldBy(
  name: string,
  uuids: readonly string[],
  { tracker, environment }: FreedGpusDependencies,
): Promise<number | undefined> {
  const seen = await lookAtGpus(environment);
  if (seen === undefined) return undefined;
  const mine = (await tracker.scan()).filter(({ process }) => process === name).map(({ pid }) => pid);
  const isMine = ({ pid, gpuUuid }: ComputeApp): boolean => mine.includes(pid) && uuids.includes(gpuUuid);
  return seen.apps.filter(isMine).reduce((sum, { usedMiB = 0 }) => sum + usedMiB, 0);
}

/** What is still held at the end, by UUID; `undefined` if unknown. */
async function untilFree(
  uuids: readonly string[],
  before: GpuSnapshot,
  isShared: boolean,
  environment: Environment,
): Promise<ReadonlyMap<string, number> | undefined> {
  const deadline = systemClock.now() + stopLimitMs;
  for (;;) {
    const now = await lookAtGpus(environment);
    if (now === undefined) return undefined;
    const rest = residues(uuids, before, now);
    if (rest.size === 0) return rest;
    // In a container, processes may not be listed: the memory may belong to a process that shares the GPU.
    if (isShared && !now.apps.some(({ gpuUuid }) => uuids.includes(gpuUuid))) return undefined;
    if (systemClock.now() >= deadline) return rest;
    await systemClock.sleep(pauseMs);
  }
}

/** `undefined` if nvidia-smi does not answer, which the doctor explains. */
async function lookAtGpus(environment: Environment): Promise<GpuSnapshot | undefined> {
  const [{ gpus, problem }, { apps, problem: unlisted }] = await Promise.all([
    inventory(environment),
    computeApps(environment),
  ]);
  if (problem !== undefined || unlisted !== undefined) return undefined;
  return { gpus, apps: apps.filter(({ pid }) => isLiving(readStat(pid))) };
}

type Known = Pick<ProcessSpec, 'name' | 'mode'>;

/**
 * A note about GPU memory that was not freed, with the one command that helps. `held`: such as `5.4 GiB of GPU 1`. Prefill
 * writes into the KV cache of a decode worker on the same host. When that worker was lost, its memory stayed in use until
 * prefill had ended, and nvidia-smi listed no process for it.
 *
 * Source: docs/upstream/gpus-seen.md#a-kv-cache-that-stays.
 */
export function stillHeldText(
  processes: readonly Known[],
  gone: Known,
  held: readonly string[],
  limitMs: number,
): string {
  const seen = `${gone.name} has ended, but ${held.join(', ')} was not freed within ${limitMs / 1000} s: `;
  const writers = processes.filter(({ mode }) => gone.mode === 'decode' && mode === 'prefill');
  if (writers.length === 0) return `${seen}dynamo clean --dry-run   # shows what holds it`;
  const names = writers.map(({ name }) => name).join(' ');
  return `${seen}dynamo restart ${names}   # it keeps the KV cache of ${gone.name} in use`;
}

/** It took 0.3 s; a driver that needs longer than this has a problem. */
const returnLimitMs = 30_000;

export interface GpuReturn {
  readonly freedMiB: number;
  /** What was not freed in time, in words. */
  readonly missing: readonly string[];
}

export interface GpuWatch {
  /** Call this when the processes are gone; settles immediately if they held nothing. */
  returned(): Promise<GpuReturn>;
}

/**
 * Call this before the processes are stopped, to compare free memory before and after. `containers`: the first twelve characters
 * of their ids. Never throws.
 */
export async function watchGpuMemory(
  pids: ReadonlySet<number>,
  containers: ReadonlySet<string>,
  environment: Environment,
): Promise<GpuWatch> {
  const [{ gpus }, { apps }] = await Promise.all([inventory(environment), computeApps(environment)]);
  return watchHeld(
    gpus,
    apps.filter(({ pid }) => pids.has(pid) || containers.has(factsOf(pid)?.container?.id ?? '')),
    environment,
  );
}

/** The same, if both are already known. */
export function watchHeld(
  before: readonly GpuDetails[],
  held: readonly HeldMemory[],
  environment: Environment,
): GpuWatch {
  const look = async (): Promise<readonly GpuDetails[]> => (await inventory(environment)).gpus;
  const heldMiB = new Map<string, number>();
  for (const { gpuUuid, usedMiB = 0 } of held) heldMiB.set(gpuUuid, (heldMiB.get(gpuUuid) ?? 0) + usedMiB);
  return {
    returned: async () => {
      if (heldMiB.size === 0) return { freedMiB: 0, missing: [] };
      const { freedMiB, missing } = await untilFreed(before, heldMiB, look, {
        limitMs: returnLimitMs,
        clock: systemClock,
      });
      return { freedMiB, missing: [...missing].map(([uuid, mib]) => missingText(before, uuid, mib)) };
    },
  };
}

function missingText(gpus: readonly GpuDetails[], uuid: string, mib: number): string {
  const index = gpus.find((gpu) => gpu.uuid === uuid)?.index;
  return `${gibText(mib)} of GPU ${index ?? uuid} was not freed within ${returnLimitMs / 1000} s`;
}

/** `undefined` if nothing was held. */
export function returnText({ freedMiB, missing }: GpuReturn): string | undefined {
  if (missing.length > 0) return `GPU memory: ${missing.join('; ')}`;
  return freedMiB === 0 ? undefined : `GPU memory: ${gibText(freedMiB)} freed`;
}
