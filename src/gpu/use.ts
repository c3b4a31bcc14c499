/** How busy each GPU is. Not in nvidia-smi.ts, which `up` loads. */
import type { Environment } from '../base/environment.ts';
import { askNvidiaSmi, findNvidiaSmi, longestMs, numberIn, textIn } from './nvidia-smi.ts';

export interface BusyGpu {
  readonly uuid: string;
  readonly index: string;
  /** From 0 to 100; absent where the driver does not say (MIG, WSL2). */
  readonly usePercent?: number;
}

/** How busy each GPU is. Never throws; empty without one. */
export async function gpuUse(environment: Environment, timeoutMs = longestMs): Promise<BusyGpu[]> {
  const command = findNvidiaSmi(environment);
  if (command === undefined) return [];
  const query = ['--query-gpu=uuid,index,utilization.gpu', '--format=csv,noheader,nounits'];
  const { stdout } = await askNvidiaSmi({ command, environment, timeoutMs }, query);
  return parseGpuUse(stdout);
}

export function parseGpuUse(csv: string): BusyGpu[] {
  return csv.split('\n').flatMap((line): BusyGpu[] => {
    const [uuid, index, use] = line.split(',').map(textIn);
    if (uuid === undefined || index === undefined) return [];
    const usePercent = numberIn(use);
    return [{ uuid, index, ...(usePercent === undefined ? {} : { usePercent }) }];
  });
}
