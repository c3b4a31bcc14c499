/** What nvidia-smi says of this host, in the words of the doctor. */
import type { GpuReport } from '../doctor/host-view.ts';
import { inventory } from '../gpu/inventory.ts';

export async function gpuReport(): Promise<GpuReport> {
  const { gpus, problem } = await inventory(process.env.PATH);
  if (problem !== undefined) {
    return { state: /did not answer/.test(problem) ? 'hangs' : 'fails', problem, gpus };
  }
  return { state: gpus.length > 0 ? 'answers' : 'absent', gpus };
}
