/** Places workers on GPUs: each gets its own, unless the profile says that two share. */
import { DynamoError } from '../base/error.ts';
import type { Gpu } from './request.ts';
import type { WorkerEntry } from './seats.ts';

/** The GPUs that the user allows: `--gpus` (indices or UUIDs), else CUDA_VISIBLE_DEVICES, else all. Never widened. */
export function allowedGpus(
  gpus: readonly Gpu[],
  asked: readonly string[] | undefined,
  visibleDevices: string | undefined,
): readonly Gpu[] {
  const visible =
    visibleDevices === undefined ? gpus : select(gpus, splitList(visibleDevices), 'CUDA_VISIBLE_DEVICES');
  return asked === undefined ? visible : select(visible, asked, '--gpus');
}

/** GPU indices by process name. Throws `busy` with a table when the workers need more than there are. */
export function placeWorkers(
  workers: readonly WorkerEntry[],
  gpus: readonly Gpu[],
): Map<string, readonly string[]> {
  const placed = new Map<string, readonly string[]>();
  const free = gpus.map(({ index }) => String(index));
  for (const worker of workers.filter(({ spec }) => spec.shareGpuWith === undefined)) {
    const mine = free.splice(0, worker.spec.gpus);
    if (mine.length < worker.spec.gpus) throw tooFew(workers, gpus);
    placed.set(worker.name, mine);
  }
  for (const worker of workers) placed.set(worker.name, placed.get(hostOf(worker, workers).name) ?? []);
  return placed;
}

/** The worker on whose GPUs this one runs: itself, or the end of the chain of those that share. */
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

function select(gpus: readonly Gpu[], names: readonly string[], source: string): Gpu[] {
  const selected = names.map((name) => {
    const found = gpus.find((gpu) => String(gpu.index) === name || gpu.uuid === name);
    if (found !== undefined) return found;
    const known = gpus.map((gpu) => `${gpu.index} (${gpu.uuid})`).join(', ') || 'none';
    throw new DynamoError('environment', `${source}: there is no GPU ${JSON.stringify(name)} here.`, {
      hint: `GPUs that can be named: ${known}`,
    });
  });
  // Named twice is still one GPU.
  return [...new Set(selected)];
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function tooFew(workers: readonly WorkerEntry[], gpus: readonly Gpu[]): DynamoError {
  const needed = workers.reduce(
    (sum, { spec }) => sum + (spec.shareGpuWith === undefined ? spec.gpus : 0),
    0,
  );
  const rows = workers.map(
    ({ name, spec }) => `  ${name}: ${spec.shareGpuWith ? `shares with ${spec.shareGpuWith}` : spec.gpus}`,
  );
  return new DynamoError('busy', `This needs ${needed} GPUs and may use ${gpus.length}.`, {
    details: ['GPUs needed:', ...rows],
    hint: '--engine sim runs it without a GPU; `dynamo profiles list` shows what each profile needs',
  });
}
