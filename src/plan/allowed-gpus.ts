/** Which GPUs the user allows: `--gpus` within CUDA_VISIBLE_DEVICES within all. Never widened. */
import { DynamoError } from '../base/error.ts';
import type { Gpu } from './request.ts';

/** What CUDA_VISIBLE_DEVICES calls a GPU: its index, or the UUID of a MIG instance, which has no index. */
export function deviceName({ index, uuid, migOf }: Gpu): string {
  return migOf === undefined ? String(index) : uuid;
}

/** Throws `environment` for a name that no GPU has, or several have. Indices count as nvidia-smi does. */
export function allowedGpus(
  gpus: readonly Gpu[],
  asked: readonly string[] | undefined,
  visibleDevices: string | undefined,
): readonly Gpu[] {
  const visible =
    visibleDevices === undefined ? gpus : select(gpus, visibleNames(visibleDevices), 'CUDA_VISIBLE_DEVICES');
  return asked === undefined ? visible : select(visible, asked, '--gpus');
}

/** What limits the choice, for messages; `undefined` when nothing does. */
export function limitText(
  asked: readonly string[] | undefined,
  visibleDevices: string | undefined,
): string | undefined {
  if (asked !== undefined) return `--gpus ${asked.join(',')}`;
  return visibleDevices === undefined ? undefined : `CUDA_VISIBLE_DEVICES=${JSON.stringify(visibleDevices)}`;
}

/** CUDA stops at the first name that is none; only -1 and NoDevFiles are written on purpose. */
function visibleNames(text: string): string[] {
  const names = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const end = names.findIndex((name) => name === '-1' || name === 'NoDevFiles');
  return end < 0 ? names : names.slice(0, end);
}

function select(gpus: readonly Gpu[], names: readonly string[], source: string): Gpu[] {
  // Named twice is still one GPU.
  return [...new Set(names.map((name) => find(gpus, name, source)))];
}

function find(gpus: readonly Gpu[], name: string, source: string): Gpu {
  const exact = gpus.find((gpu) => deviceName(gpu) === name || gpu.uuid === name);
  if (exact !== undefined) return exact;
  // CUDA takes the beginning of a UUID as long as it is one GPU's. Those of Jetson begin with anything; digits are an index.
  const begun = /^(GPU|MIG)-.|^(?!(GPU|MIG)-?$)(?=.*\D)[\da-f-]+$/i.test(name)
    ? gpus.filter(({ uuid }) => uuid.startsWith(name))
    : [];
  const [first] = begun;
  if (first !== undefined && begun.length === 1) return first;
  const known = gpus.map((gpu) => `${gpu.index} (${gpu.uuid})`).join(', ') || 'none';
  const fault =
    begun.length > 1
      ? `${JSON.stringify(name)} is the beginning of ${begun.length} UUIDs`
      : gpus.some((gpu) => String(gpu.index) === name)
        ? `GPU ${name} is divided (MIG): its instances are named by UUID`
        : `there is no GPU ${JSON.stringify(name)} here`;
  throw new DynamoError('environment', `${source}: ${fault}.`, { hint: `GPUs that can be named: ${known}` });
}
