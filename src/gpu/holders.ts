/** Which processes hold GPUs, from nvidia-smi's list, open device files, and /proc. */
import { gibText } from '../base/units.ts';
import type { ProcessFacts } from '../base/identity.ts';
import type { Gpu } from '../plan/request.ts';
import type { ComputeApp } from './nvidia-smi.ts';

/** The driver alone uses less than this; memory beyond what is listed and this belongs to an unseen process. */
const unexplainedMiB = 1_024;

export interface HeldMemory {
  readonly gpuUuid: string;
  /** Absent if the driver does not report it. */
  readonly usedMiB?: number;
}

/** A process of this pid namespace that uses GPUs. */
export interface Holder {
  readonly facts: ProcessFacts;
  /** Its name in nvidia-smi, or else the command. */
  readonly name: string;
  /** Empty for a process that only has the device files open: it may allocate memory at any time. */
  readonly memory: readonly HeldMemory[];
  readonly seenBy: 'nvidia-smi' | 'device files';
}

export interface Holding {
  readonly holders: readonly Holder[];
  /** Memory held by processes that are not visible here, in words. */
  readonly unseen: readonly string[];
}

/**
 * Which processes have /dev/nvidia* open, whichever GPU they use: CUDA opens the files of all GPUs (seen with driver 580.159,
 * one GPU of two in CUDA_VISIBLE_DEVICES).
 */
export interface DeviceUsers {
  readonly openers: ReadonlySet<number>;
  /** Processes of other users, whose open files this user may not read. */
  readonly unreadable: ReadonlySet<number>;
}

/** `users`: `undefined` if there are no device files (WSL2). */
export function holdersOf(
  gpus: readonly Gpu[],
  apps: readonly ComputeApp[],
  users: DeviceUsers | undefined,
  factsOf: (pid: number) => ProcessFacts | undefined,
): Holding {
  const pids = [...new Set(apps.map(({ pid }) => pid))];
  const listed = pids.map((pid) => ({
    pid,
    mine: apps.filter((app) => app.pid === pid),
    facts: isMeant(pid, users) ? factsOf(pid) : undefined,
  }));
  const known = listed.flatMap(({ mine, facts }): Holder[] =>
    facts === undefined
      ? []
      : [{ facts, name: nameOf(mine, facts), memory: mine.map(heldBy), seenBy: 'nvidia-smi' }],
  );
  const silent = [...(users?.openers ?? [])].flatMap((pid): Holder[] => {
    const facts = known.some((each) => each.facts.pid === pid) ? undefined : factsOf(pid);
    return facts === undefined ? [] : [{ facts, name: facts.command, memory: [], seenBy: 'device files' }];
  });
  const foreign = listed.filter(({ facts }) => facts === undefined);
  return {
    holders: [...known, ...silent],
    unseen: [
      ...foreign.map(({ pid, mine }) => foreignText(pid, mine, gpus)),
      ...gpus.flatMap((gpu) => unexplained(gpu, apps)),
    ],
  };
}

/** False if the process with this pid here is not the one that the driver means: it has no device file open. */
function isMeant(pid: number, users: DeviceUsers | undefined): boolean {
  return users === undefined || users.openers.has(pid) || users.unreadable.has(pid);
}

function nameOf(apps: readonly ComputeApp[], facts: ProcessFacts): string {
  return apps.find(({ name }) => name !== undefined)?.name ?? facts.command;
}

function heldBy({ gpuUuid, usedMiB }: ComputeApp): HeldMemory {
  return { gpuUuid, ...(usedMiB === undefined ? {} : { usedMiB }) };
}

function foreignText(pid: number, apps: readonly ComputeApp[], gpus: readonly Gpu[]): string {
  const held = apps.map(({ gpuUuid, usedMiB }) => {
    const gpu = gpus.find(({ uuid }) => uuid === gpuUuid);
    return `${gibText(usedMiB)} on GPU ${gpu?.index ?? gpuUuid}`;
  });
  return `${held.join(', ')} is held outside this pid namespace, by pid ${pid} there`;
}

/** An empty list does not mean that no process holds memory. Source: docs/upstream/memory-and-gpus.md#who-holds-a-gpu. */
function unexplained(gpu: Gpu, apps: readonly ComputeApp[]): string[] {
  const mine = apps.filter(({ gpuUuid }) => gpuUuid === gpu.uuid);
  if (mine.some(({ usedMiB }) => usedMiB === undefined) || gpu.migOf !== undefined) return [];
  const listed = mine.reduce((sum, { usedMiB = 0 }) => sum + usedMiB, 0);
  if (gpu.usedMiB - listed <= unexplainedMiB) return [];
  return [
    `${gibText(gpu.usedMiB - listed)} on GPU ${gpu.index} is held by processes that nvidia-smi does not list here: ` +
      `of another pid namespace, or of a driver that is still cleaning up`,
  ];
}
