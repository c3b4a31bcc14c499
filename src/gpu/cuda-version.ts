/** The newest CUDA that the driver runs; no CSV field tells it. */
import { askNvidiaSmi, findNvidiaSmi, longestMs } from './nvidia-smi.ts';

/** As in `13.0`. Absent without nvidia-smi, and where it does not say. Never throws. */
export async function cudaVersion(
  path: string | undefined,
  timeoutMs = longestMs,
): Promise<string | undefined> {
  const command = findNvidiaSmi(path);
  if (command === undefined) return undefined;
  const [short, table] = await Promise.all([
    askNvidiaSmi(command, ['--version'], timeoutMs),
    // Older ones know no --version; the heading of the plain table says the same.
    askNvidiaSmi(command, [], timeoutMs),
  ]);
  return parseCudaVersion(short.stdout) ?? parseCudaVersion(table.stdout);
}

export function parseCudaVersion(text: string): string | undefined {
  return /CUDA(?: UMD)? Version\s*:\s*(\d+\.\d+)/.exec(text)?.[1];
}
