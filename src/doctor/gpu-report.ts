/** What checks of GPUs say when there is none to look at. */
import { type Finding, skip } from './check.ts';
import type { GpuReport } from './host-view.ts';

/** `undefined` when nvidia-smi answers and lists GPUs. */
export function noGpu(report: GpuReport): Finding | undefined {
  if (report.state === 'absent') return skip('there is no nvidia-smi here');
  if (report.state === 'hangs') return skip('nvidia-smi does not answer (see gpu-hang)');
  if (report.state === 'fails') return skip('nvidia-smi fails (see nvml)');
  return report.gpus.length === 0 ? skip('nvidia-smi lists no GPU') : undefined;
}
