/** What nvidia-smi says of this host, in the words of the doctor. */
import type { Environment } from '../base/environment.ts';
import type { GpuFacts, GpuReport } from '../doctor/host-view.ts';
import { busOf } from '../doctor/xid.ts';
import { computeApps, cudaVersion, findNvidiaSmi } from '../gpu/nvidia-smi.ts';
import { type GpuDetails, inventory } from '../gpu/inventory.ts';
import { isAlive } from '../process/identity.ts';
import { stateFolders } from '../run/folders.ts';
import { leasedGpus, lesseeOf } from '../run/leases.ts';

/** Below the limit of a check. */
const timeoutMs = 4_000;

/** Asks nvidia-smi its three questions at once. Never throws. */
export async function gpuReport(environment: Environment): Promise<GpuReport> {
  if (findNvidiaSmi(environment) === undefined) return { state: 'absent', gpus: [] };
  const [{ gpus, problem, notes }, { apps, problem: appsProblem }, cuda] = await Promise.all([
    inventory(environment, timeoutMs),
    computeApps(environment, timeoutMs),
    cudaVersion(environment, timeoutMs),
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
