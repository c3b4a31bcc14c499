/** The processes that nvidia-smi lists as users of GPUs. */
import type { Environment } from '../base/environment.ts';
import { numberIn, textIn } from './cells.ts';
import { askNvidiaSmi, findNvidiaSmi, longestMs } from './nvidia-smi.ts';

export interface ComputeApp {
  readonly gpuUuid: string;
  /** In containers often a pid of the host, which means another process here or none. */
  readonly pid: number;
  /** As the driver knows it; absent when it cannot look it up. */
  readonly name?: string;
  /** Absent where the driver does not tell (WSL2, some containers). */
  readonly usedMiB?: number;
}

export interface ComputeApps {
  readonly apps: readonly ComputeApp[];
  readonly problem?: string;
}

/** Never throws. */
export async function computeApps(environment: Environment, timeoutMs = longestMs): Promise<ComputeApps> {
  const command = findNvidiaSmi(environment);
  if (command === undefined) return { apps: [] };
  const query = [
    '--query-compute-apps=gpu_uuid,pid,process_name,used_gpu_memory',
    '--format=csv,noheader,nounits',
  ];
  const { stdout, failure } = await askNvidiaSmi({ command, environment, timeoutMs }, query);
  const apps = parseComputeApps(stdout);
  return failure === undefined ? { apps } : { apps, problem: `nvidia-smi is here but ${failure}` };
}

/** A name may hold commas: it is what stands between pid and memory. */
export function parseComputeApps(csv: string): ComputeApp[] {
  return csv.split('\n').flatMap((line): ComputeApp[] => {
    const cells = line.split(',').map((cell) => cell.trim());
    const [gpuUuid = '', pid = ''] = cells;
    if (cells.length < 4 || textIn(gpuUuid) === undefined || !/^\d+$/.test(pid)) return [];
    const [name, usedMiB] = [textIn(cells.slice(2, -1).join(', ')), numberIn(cells.at(-1))];
    return [
      {
        gpuUuid,
        pid: Number(pid),
        ...(name === undefined ? {} : { name }),
        ...(usedMiB === undefined ? {} : { usedMiB }),
      },
    ];
  });
}
