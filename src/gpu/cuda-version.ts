/** The newest CUDA that the driver runs; no CSV field tells it. */
import type { Environment } from '../base/environment.ts';
import { askNvidiaSmi, findNvidiaSmi, longestMs } from './nvidia-smi.ts';

/** As in `13.0`. Absent without nvidia-smi, and where it does not say. Never throws. */
export async function cudaVersion(
  environment: Environment,
  timeoutMs = longestMs,
): Promise<string | undefined> {
  const command = findNvidiaSmi(environment);
  if (command === undefined) return undefined;
  const smi = { command, environment, timeoutMs };
  const [short, table] = await Promise.all([
    askNvidiaSmi(smi, ['--version']),
    // Older ones know no --version; the heading of the plain table says the same.
    askNvidiaSmi(smi, []),
  ]);
  return parseCudaVersion(short.stdout) ?? parseCudaVersion(table.stdout);
}

export function parseCudaVersion(text: string): string | undefined {
  return /CUDA(?: UMD)? Version\s*:\s*(\d+\.\d+)/.exec(text)?.[1];
}
