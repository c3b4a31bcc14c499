/** The GPUs and the kernel log of this host, as the doctor needs them. */
import type { Environment } from '../base/environment.ts';
import type { GpuFacts, GpuReport, KernelLog } from '../doctor/host-view.ts';
import { busOf, readKernelLog } from '../doctor/kernel-log.ts';
import { computeApps, cudaVersion, findNvidiaSmi } from '../gpu/nvidia-smi.ts';
import { type GpuDetails, inventory } from '../gpu/inventory.ts';
import { isAlive } from '../process/identity.ts';
import { stateFolders } from '../run/folders.ts';
import { leasedGpus, lesseeOf } from '../run/leases.ts';
import { errorCode } from '../base/error-code.ts';
import { runProgram } from '../host/program.ts';

/** Less than the time limit of a check. */
const gpuTimeoutMs = 4_000;

/** Runs the three queries of nvidia-smi in parallel. Never throws. */
export async function gpuReport(environment: Environment): Promise<GpuReport> {
  if (findNvidiaSmi(environment) === undefined) return { state: 'absent', gpus: [] };
  const [{ gpus, failure, hangs, notes }, { apps, problem: appsProblem }, cuda] = await Promise.all([
    inventory(environment, gpuTimeoutMs),
    computeApps(environment, gpuTimeoutMs),
    cudaVersion(environment, gpuTimeoutMs),
  ]);
  return {
    state: failure === undefined ? 'answers' : hangs === true ? 'hangs' : 'fails',
    problem: failure,
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

/** If the state folder cannot be read, GPUs are reported without their leases. */
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

/** For each program; both together take less than the time limit of a check. */
const programMs = 1_500;

/** The kernel log from the first readable source: the device, dmesg, or the journal. Never rejects. */
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

/** `undefined` if it is not permitted, in which case journalctl exits with 0 and prints nothing. */
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
