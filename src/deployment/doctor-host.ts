/** The GPUs and the kernel log of this host, as the doctor needs them. */
import type { Environment } from '../base/environment.ts';
import type { GpuFacts, GpuReport, KernelLog } from '../doctor/host-view.ts';
import { busOf } from '../doctor/xid.ts';
import { computeApps, cudaVersion, findNvidiaSmi } from '../gpu/nvidia-smi.ts';
import { type GpuDetails, inventory } from '../gpu/inventory.ts';
import { isAlive } from '../process/identity.ts';
import { stateFolders } from '../run/folders.ts';
import { leasedGpus, lesseeOf } from '../run/leases.ts';
import { errorCode } from '../base/error-code.ts';
import { readKernelLog } from '../doctor/kernel-log.ts';
import { runProgram } from '../host/program.ts';

/** Below the limit of a check. */
const gpuTimeoutMs = 4_000;

/** Asks nvidia-smi its three questions at once. Never throws. */
export async function gpuReport(environment: Environment): Promise<GpuReport> {
  if (findNvidiaSmi(environment) === undefined) return { state: 'absent', gpus: [] };
  const [{ gpus, problem, notes }, { apps, problem: appsProblem }, cuda] = await Promise.all([
    inventory(environment, gpuTimeoutMs),
    computeApps(environment, gpuTimeoutMs),
    cudaVersion(environment, gpuTimeoutMs),
  ]);
  return {
    state: problem === undefined ? 'answers' : /did not answer/.test(problem) ? 'hangs' : 'fails',
    problem: problem?.replace(/^nvidia-smi is here but /, ''),
    driverVersion: gpus[0]?.driver,
    cudaVersion: cuda,
    gpus: withLeaseNames(gpus, environment).map(withBus),
    notes,
    ...(appsProblem === undefined ? { holders: apps } : {}),
  };
}

function withBus(gpu: GpuDetails): GpuFacts {
  return gpu.busId === undefined ? gpu : { ...gpu, bus: busOf(gpu.busId) };
}

/** Where the state folder cannot be read, GPUs are told without their leases. */
function withLeaseNames(gpus: readonly GpuDetails[], environment: Environment): readonly GpuDetails[] {
  try {
    const leased = leasedGpus(stateFolders(environment), isAlive);
    return gpus.map((gpu) => {
      const lease = leased.get(gpu.uuid);
      return lease === undefined ? gpu : { ...gpu, leasedBy: lesseeOf(lease) };
    });
  } catch {
    return gpus;
  }
}

/** Each; both are below the limit of a check. */
const programMs = 1_500;

/** Never rejects. */
export async function kernelLog(environment: Environment): Promise<KernelLog> {
  try {
    return { lines: readKernelLog() };
  } catch (error) {
    const printed =
      (await said('dmesg', [], environment)) ??
      (await said('journalctl', ['-k', '-b', '-q', '--no-pager'], environment));
    if (printed !== undefined) return { lines: printed };
    return {
      problem: `/dev/kmsg: ${errorCode(error) ?? 'unreadable'}, and neither dmesg nor journalctl may read it`,
    };
  }
}

/** `undefined` when it may not, which journalctl says with status 0 and no line. */
async function said(
  program: string,
  words: readonly string[],
  environment: Environment,
): Promise<string[] | undefined> {
  const ended = await runProgram({ program, words, environment, timeoutMs: programMs }).catch(
    () => undefined,
  );
  return ended?.code === 0 && ended.stdout !== '' ? ended.stdout.split('\n') : undefined;
}
