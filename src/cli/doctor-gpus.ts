/** What nvidia-smi says of this host, in the words of the doctor. */
import type { GpuReport } from '../doctor/host-view.ts';
import { computeApps } from '../gpu/compute-apps.ts';
import { cudaVersion } from '../gpu/cuda-version.ts';
import { inventory } from '../gpu/inventory.ts';
import { findNvidiaSmi } from '../gpu/nvidia-smi.ts';

/** Below the limit of a check. */
const timeoutMs = 4_000;

/** Asks nvidia-smi its three questions at once. Never throws. */
export async function gpuReport(): Promise<GpuReport> {
  const path = process.env.PATH;
  if (findNvidiaSmi(path) === undefined) return { state: 'absent', gpus: [] };
  const [{ gpus, problem, notes }, { apps, problem: appsProblem }, cuda] = await Promise.all([
    inventory(path, timeoutMs),
    computeApps(path, timeoutMs),
    cudaVersion(path, timeoutMs),
  ]);
  return {
    state: problem === undefined ? 'answers' : /did not answer/.test(problem) ? 'hangs' : 'fails',
    problem: problem?.replace(/^nvidia-smi is here but /, ''),
    driverVersion: gpus[0]?.driver,
    cudaVersion: cuda,
    gpus,
    notes,
    ...(appsProblem === undefined ? { holders: apps } : {}),
  };
}
