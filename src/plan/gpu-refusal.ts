/** The refusal when workers do not fit on the GPUs: what is needed, and who holds what. */
import { DynamoError } from '../base/error.ts';
import { deviceName } from './allowed-gpus.ts';
import { gib } from './gpu-demand.ts';
import { freeOf, type GpuGroup, type GpuOffer, hasRoom, mayBeOf } from './gpu-group.ts';
import type { Gpu } from './request.ts';

/** `impossible`: nor would it if nobody else used the GPUs. */
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
      ? `This needs ${count(needed)} and may use ${gpus.length}${within}.`
      : `This needs ${count(needed)}; of ${gpus.length} that it may use${within}, ${usable.length} ${usable.length === 1 ? 'has' : 'have'} room.`;
  return new DynamoError('busy', message, {
    details: [
      'GPUs needed:',
      ...groups.flatMap((group) => needRows(group, gpus)),
      ...(gpus.length === 0 ? [] : ['GPUs it may use:', ...gpus.flatMap(gpuRows)]),
    ],
    hint: hintFor(gpus),
    impossible,
  });
}

function count(gpus: number): string {
  return gpus === 1 ? '1 GPU' : `${gpus} GPUs`;
}

function needRows(group: GpuGroup, offered: readonly Gpu[]): string[] {
  const { members, gpus, demand } = group;
  const [host, ...others] = members;
  const memory = demand === undefined ? '' : `, with ${gib(demand.mib)} free on each: ${demand.because}`;
  const whole = offered.every((gpu) => mayBeOf(gpu, group))
    ? ''
    : '; whole ones, as no process can use several instances of divided GPUs (MIG)';
  return [
    `  ${host?.name}: ${gpus}${memory}${whole}`,
    ...others.map(({ name, spec }) => `  ${name}: shares with ${spec.shareGpuWith}`),
  ];
}

function gpuRows(gpu: Gpu): string[] {
  const free = freeOf(gpu);
  const room = free === undefined ? 'free memory unknown' : `${gib(free)} of ${gib(gpu.totalMiB)} free`;
  const lease = gpu.leasedBy === undefined ? '' : `, taken by run ${gpu.leasedBy}`;
  return [
    `  GPU ${deviceName(gpu)} (${gpu.name}): ${room}${lease}`,
    ...(gpu.heldBy ?? []).map((holder) => `    ${holder}`),
  ];
}

function hintFor(gpus: readonly Gpu[]): string {
  const lessees = gpus.flatMap(({ leasedBy }) => leasedBy ?? []);
  // An id has no space: what has some says which lease cannot be read.
  const run = lessees.find((each) => !each.includes(' '));
  if (run === undefined && lessees.length > 0) return 'dynamo clean   # removes leases that nobody can hold';
  if (run !== undefined) return `dynamo down ${run}   # gives its GPUs back`;
  if (gpus.some(({ heldBy = [] }) => heldBy.length > 0)) {
    return 'dynamo clean --dry-run   # says whose they are, and what can be ended';
  }
  return '--engine sim runs it without a GPU; `dynamo profiles list` shows what each profile needs';
}
