/** Places workers on GPUs: each gets its own, unless the profile says that two share. Explains when they do not fit. */
import { DynamoError } from '../base/error.ts';
import { gibText } from '../base/units.ts';
import {
  deviceName,
  freeOf,
  type GpuDemand,
  gpuDemand,
  type GpuGroup,
  type GpuOffer,
  hasRoom,
  mayBeOf,
} from './gpu-demand.ts';
import type { Choice } from './plan.ts';
import type { Gpu } from './request.ts';
import { gpusHere, type WorkerEntry } from './replicas.ts';

/**
 * More than the driver uses on an idle GPU: a process is using it. An idle H200 had 615 MiB in use.
 * Source: docs/upstream/memory-and-gpus.md#idle-gpus.
 */
export const idleMiB = 1_024;

export interface Placement {
  /** Values of CUDA_VISIBLE_DEVICES by process name; empty for a worker that needs no GPU. */
  readonly devices: ReadonlyMap<string, readonly string[]>;
  /** UUIDs of all GPUs in use. */
  readonly uuids: readonly string[];
  readonly choices: readonly Choice[];
}

/** Throws `busy` with a table of GPUs and their users when the workers do not fit. */
export function placeWorkers(workers: readonly WorkerEntry[], offer: GpuOffer): Placement {
  const groups = groupsOf(workers, offer.weightsMiB);
  const given = fit(
    groups,
    offer.gpus.filter(({ leasedBy }) => leasedBy === undefined),
  );
  if (given === undefined) {
    throw doesNotFit(groups, offer, fit(groups, offer.gpus.map(emptied)) === undefined);
  }
  const devices = groups.flatMap(({ members }, i) =>
    members.map(({ name }): [string, string[]] => [name, (given[i] ?? []).map(deviceName)]),
  );
  return {
    devices: new Map(devices),
    uuids: given.flat().map(({ uuid }) => uuid),
    choices: [
      ...groups.flatMap((group, i) => choiceOf(group, given[i] ?? [])),
      ...(offer.problem === undefined
        ? []
        : [{ what: 'gpus', value: `${offer.gpus.length} usable`, because: offer.problem }]),
    ],
  };
}

function choiceOf({ members, demand }: GpuGroup, gpus: readonly Gpu[]): Choice[] {
  if (gpus.length === 0) return [];
  const need =
    demand === undefined ? 'its memory need is unknown' : `needs ${gibText(demand.mib)} (${demand.because})`;
  const free = gpus.map((gpu) => gibText(freeOf(gpu) ?? 0)).join(', ');
  const have = gpus.some((gpu) => freeOf(gpu) === undefined)
    ? 'its free memory is unknown: nvidia-smi does not report it'
    : `${free} free`;
  return [
    {
      what: 'gpu',
      value: gpus.map(deviceName).join(','),
      because: `${members.map(({ name }) => name).join(' and ')}: ${need}, ${have}`,
    },
  ];
}

/** Groups workers that share GPUs, the one that the others name first; their needs are added up. */
function groupsOf(workers: readonly WorkerEntry[], weightsMiB: number | undefined): GpuGroup[] {
  return workers
    .filter(({ spec }) => spec.shareGpuWith === undefined)
    .map((host) => {
      const members = workers.filter((worker) => hostOf(worker, workers) === host);
      const demands = members.map(({ spec }) => gpuDemand(spec, weightsMiB));
      return { members, gpus: gpusHere(host), demand: totalDemand(demands) };
    });
}

function totalDemand(demands: readonly (GpuDemand | undefined)[]): GpuDemand | undefined {
  const known = demands.filter((demand) => demand !== undefined);
  if (known.length < 2) return known[0];
  const because = [...new Set(known.map((demand) => demand.because))].join('; ');
  return {
    mib: known.reduce((total, { mib }) => total + mib, 0),
    because: `${known.length} workers: ${because}`,
  };
}

function fit(groups: readonly GpuGroup[], gpus: readonly Gpu[]): Gpu[][] | undefined {
  return inOrder(groups, gpus) ?? bySize(groups, gpus, memoryOf) ?? bySize(groups, gpus, countOf);
}

/** The same GPU as if it were unused. */
function emptied({ freeMiB: _free, ...gpu }: Gpu): Gpu {
  return { ...gpu, usedMiB: 0 };
}

/** Assigns in the order of profile and host, idle GPUs first. */
function inOrder(groups: readonly GpuGroup[], gpus: readonly Gpu[]): Gpu[][] | undefined {
  let left = gpus.toSorted((a, b) => Number(isUsed(a)) - Number(isUsed(b)));
  const given: Gpu[][] = [];
  for (const group of groups) {
    const mine = left.filter((gpu) => mayBeOf(gpu, group) && hasRoom(gpu, group)).slice(0, group.gpus);
    if (mine.length < group.gpus) return undefined;
    left = left.filter((gpu) => !mine.includes(gpu));
    given.push(mine);
  }
  return given;
}

/** Gives the GPUs with the most memory to the groups that need the most: if that does not fit, nothing does. */
function bySize(
  groups: readonly GpuGroup[],
  gpus: readonly Gpu[],
  sizeOf: (group: GpuGroup) => number,
): Gpu[][] | undefined {
  let left = gpus.toSorted((a, b) => (freeOf(b) ?? Infinity) - (freeOf(a) ?? Infinity));
  const given = new Map<GpuGroup, Gpu[]>();
  for (const group of groups.toSorted((a, b) => sizeOf(b) - sizeOf(a))) {
    const mine = left.filter((gpu) => mayBeOf(gpu, group)).slice(0, group.gpus);
    if (mine.length < group.gpus || !mine.every((gpu) => hasRoom(gpu, group))) return undefined;
    left = left.filter((gpu) => !mine.includes(gpu));
    given.set(group, mine);
  }
  return groups.map((group) => given.get(group) ?? []);
}

function memoryOf({ demand }: GpuGroup): number {
  return demand?.mib ?? 0;
}

/** For partitioned GPUs: groups that need several GPUs have fewer to choose from. */
function countOf({ gpus }: GpuGroup): number {
  return gpus;
}

function isUsed({ usedMiB }: Gpu): boolean {
  return usedMiB > idleMiB;
}

/** The worker whose GPUs this one uses: itself, or the end of the `shareGpuWith` chain. */
function hostOf(worker: WorkerEntry, workers: readonly WorkerEntry[]): WorkerEntry {
  let host = worker;
  for (let step = 0; host.spec.shareGpuWith !== undefined && step < workers.length; step++) {
    const { component, spec } = host;
    const peers = workers.filter((other) => other.component === component);
    const hosts = workers.filter((other) => other.component === spec.shareGpuWith);
    host = hosts[peers.indexOf(host) % Math.max(1, hosts.length)] ?? host;
  }
  return host;
}

/** `impossible`: they would not fit on unused GPUs either. */
export function doesNotFit(
  groups: readonly GpuGroup[],
  { gpus, limit }: GpuOffer,
  impossible: boolean,
): DynamoError {
  const needed = groups.reduce((sum, group) => sum + group.gpus, 0);
  const usable = gpus.filter(
    (gpu) => gpu.leasedBy === undefined && groups.some((group) => mayBeOf(gpu, group) && hasRoom(gpu, group)),
  );
  const within = limit === undefined ? '' : ` (${limit})`;
  const message =
    gpus.length < needed
      ? `Needs ${count(needed)}, but only ${gpus.length} ${gpus.length === 1 ? 'is' : 'are'} allowed${within}.`
      : `Needs ${count(needed)}, but only ${usable.length} of the ${gpus.length} allowed${within} ${usable.length === 1 ? 'has' : 'have'} enough free memory.`;
  return new DynamoError('busy', message, {
    details: [
      'GPUs needed:',
      ...groups.flatMap((group) => needRows(group, gpus)),
      ...(gpus.length === 0 ? [] : ['Allowed GPUs:', ...gpus.flatMap(gpuRows)]),
    ],
    hint: hintFor(gpus),
    impossible,
    fields: { gpusNeeded: needed, gpusAllowed: gpus.length, gpusFree: usable.length },
  });
}

function count(gpus: number): string {
  return gpus === 1 ? '1 GPU' : `${gpus} GPUs`;
}

function needRows(group: GpuGroup, offered: readonly Gpu[]): string[] {
  const { members, gpus, demand } = group;
  const [host, ...others] = members;
  const memory = demand === undefined ? '' : `, each with ${gibText(demand.mib)} free: ${demand.because}`;
  const whole = offered.every((gpu) => mayBeOf(gpu, group))
    ? ''
    : '; whole GPUs only, since a process cannot use several MIG instances';
  return [
    `  ${host?.name}: ${gpus}${memory}${whole}`,
    ...others.map(({ name, spec }) => `  ${name}: shares with ${spec.shareGpuWith}`),
  ];
}

export function gpuRows(gpu: Gpu): string[] {
  const free = freeOf(gpu);
  const room =
    free === undefined ? 'free memory unknown' : `${gibText(free)} of ${gibText(gpu.totalMiB)} free`;
  const lease = gpu.leasedBy === undefined ? '' : `, leased by run ${gpu.leasedBy}`;
  return [
    `  GPU ${deviceName(gpu)} (${gpu.name}): ${room}${lease}`,
    ...(gpu.heldBy ?? []).map((holder) => `    ${holder}`),
  ];
}

function hintFor(gpus: readonly Gpu[]): string {
  const lessees = gpus.flatMap(({ leasedBy }) => leasedBy ?? []);
  // A run id has no space; a text with spaces says which lease cannot be read.
  const run = lessees.find((each) => !each.includes(' '));
  if (run === undefined && lessees.length > 0)
    return 'dynamo clean   # removes leases of runs that no longer exist';
  if (run !== undefined) return `dynamo down ${run}   # frees its GPUs`;
  if (gpus.some(({ heldBy = [] }) => heldBy.length > 0)) {
    return 'dynamo clean --dry-run   # lists the owners, and what can be ended';
  }
  return '--engine sim needs no GPU; `dynamo profiles list` shows what each profile needs';
}
