/** What nvidia-smi says of this host, in the words of the doctor. */
import type { GpuReport } from '../doctor/host-view.ts';
import { computeApps } from '../gpu/compute-apps.ts';
import { inventory } from '../gpu/inventory.ts';
import { findNvidiaSmi } from '../gpu/nvidia-smi.ts';
import { runProgram } from '../process/run-program.ts';

/** Below the limit of a check. */
const timeoutMs = 4_000;

/** Asks nvidia-smi its three questions at once. Never throws. */
export async function gpuReport(): Promise<GpuReport> {
  const path = process.env.PATH;
  const command = findNvidiaSmi(path);
  if (command === undefined) return { state: 'absent', gpus: [] };
  const [{ gpus, problem, notes }, { apps, problem: appsProblem }, cudaVersion] = await Promise.all([
    inventory(path, timeoutMs),
    computeApps(path, timeoutMs),
    cudaVersionOf(command),
  ]);
  return {
    state: problem === undefined ? 'answers' : /did not answer/.test(problem) ? 'hangs' : 'fails',
    problem: problem?.replace(/^nvidia-smi is here but /, ''),
    driverVersion: gpus[0]?.driver,
    cudaVersion,
    gpus,
    notes,
    ...(appsProblem === undefined ? { holders: apps } : {}),
  };
}

/** Only the heading for people tells it. */
async function cudaVersionOf(command: string): Promise<string | undefined> {
  const said = await runProgram({ program: command, words: [], timeoutMs }).catch(() => undefined);
  return /CUDA(?: UMD)? Version:\s*([\d.]+)/.exec(said?.stdout ?? '')?.[1];
}
