/** Who holds GPUs, from everything that tells: nvidia-smi's list, open device files, and what /proc says. */
import type { ProcessFacts } from '../base/identity.ts';
import type { Gpu } from '../plan/request.ts';
import type { ComputeApp } from './nvidia-smi.ts';

/** No GPU is used up by the driver alone beyond this; so much more than what is listed belongs to somebody unseen. */
const unexplainedMiB = 1_024;

export interface HeldMemory {
  readonly gpuUuid: string;
  /** Absent where the driver does not tell. */
  readonly usedMiB?: number;
}

/** A process of this pid namespace that uses GPUs. */
export interface Holder {
  readonly facts: ProcessFacts;
  /** As nvidia-smi names it, else the command. */
  readonly name: string;
  /** Empty for one that has only the device files open: it may take memory at any time. */
  readonly memory: readonly HeldMemory[];
  readonly seenBy: 'nvidia-smi' | 'device files';
}

export interface Holding {
  readonly holders: readonly Holder[];
  /** Memory that is held by somebody who cannot be named here, in words. */
  readonly unseen: readonly string[];
}

/**
 * Who has /dev/nvidia* open, whichever GPU they use: CUDA opens the files of all (seen with driver 580.159, one GPU of
 * two in CUDA_VISIBLE_DEVICES).
 */
export interface DeviceUsers {
  readonly openers: ReadonlySet<number>;
  /** Of other users: whether they have, this user may not see. */
  readonly unreadable: ReadonlySet<number>;
}

/** `users`: `undefined` where there are no such files (WSL2), so that they tell nothing. */
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

/** False when the process of this pid here is another one than the driver means: it has no device file open. */
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

/** Never "nobody" because a list is empty. Source: docs/upstream/memory-and-gpus.md#who-holds-a-gpu. */
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

/** Absent: the driver does not tell. */
export function gibText(usedMiB: number | undefined): string {
  return usedMiB === undefined ? 'an unknown amount' : `${(usedMiB / 1024).toFixed(1)} GiB`;
}
