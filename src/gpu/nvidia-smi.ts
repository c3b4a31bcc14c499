/**
 * Runs nvidia-smi, also where it fails or hangs: the CUDA version, the processes on the GPUs, and the cells of its
 * CSV.
 */
import type { Environment } from '../base/environment.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { findProgram, foldersOf, runProgram } from '../host/program.ts';

/** nvidia-smi hangs when a GPU does. */
export const longestMs = 5_000;
/** Its folder in WSL2, often not on PATH. */
const wslFolder = '/usr/lib/wsl/lib';

interface Answer {
  /** May contain lines of some GPUs even if the command failed because of another one. */
  readonly stdout: string;
  /** Why it is unreliable, in words. */
  readonly failure?: string;
  /** That is why. */
  readonly hangs?: true;
}

/** The first one on PATH that may be executed. */
export function findNvidiaSmi({ PATH }: Environment): string | undefined {
  return findProgram('nvidia-smi', [...foldersOf(PATH), wslFolder]);
}

/** How it is called. */
export interface NvidiaSmi {
  readonly command: string;
  readonly environment: Environment;
  readonly timeoutMs: number;
}

/** Never throws. */
export async function askNvidiaSmi(
  { command, environment, timeoutMs }: NvidiaSmi,
  words: readonly string[],
): Promise<Answer> {
  try {
    const output = await runProgram({ program: command, words, environment, timeoutMs });
    if (output === undefined) return { stdout: '', failure: `failed: ${command} cannot be executed` };
    const { code, stdout, stderr } = output;
    if (code === 0) return { stdout };
    // A killed program has no exit code.
    const said = (stderr || stdout || `exit code ${code}`).trim().split('\n')[0] ?? '';
    return { stdout, failure: `failed: ${said}` };
  } catch (error) {
    const hangs = errorCode(error) === 'ETIMEDOUT';
    return {
      stdout: '',
      failure: hangs ? `did not answer within ${timeoutMs / 1000} s` : `failed: ${messageOf(error)}`,
      ...(hangs ? { hangs } : {}),
    };
  }
}

/** A cell without a value: `[N/A]`, `N/A`, `[Not Supported]`, `[Insufficient Permissions]`, `[Unknown Error]`, `[Not Found]`. */
const nothing = /^(\[.*\]|N\/A|)$/;

export function textIn(cell: string | undefined): string | undefined {
  const text = cell?.trim() ?? '';
  return nothing.test(text) ? undefined : text;
}

/** `7950` and `7950 MiB` are 7950; anything that is not a number is `undefined`, never 0. */
export function numberIn(cell: string | undefined): number | undefined {
  const digits = /^(\d+(?:\.\d+)?)(?:\s+\S+)?$/.exec(textIn(cell) ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The reason in brackets, in a cell without a value. */
export function reasonIn(cell: string | undefined): string | undefined {
  return /^\[(.+)\]$/.exec(cell?.trim() ?? '')?.[1];
}

/** The newest CUDA version that the driver supports, such as `13.0`; no CSV field has it. `undefined` if unknown. Never throws. */
export async function cudaVersion(
  environment: Environment,
  timeoutMs = longestMs,
): Promise<string | undefined> {
  const command = findNvidiaSmi(environment);
  if (command === undefined) return undefined;
  const smi = { command, environment, timeoutMs };
  const [short, table] = await Promise.all([
    askNvidiaSmi(smi, ['--version']),
    // Older versions have no --version; the heading of the plain table shows the same.
    askNvidiaSmi(smi, []),
  ]);
  return parseCudaVersion(short.stdout) ?? parseCudaVersion(table.stdout);
}

export function parseCudaVersion(text: string): string | undefined {
  return /CUDA(?: UMD)? Version\s*:\s*(\d+\.\d+)/.exec(text)?.[1];
}

export interface ComputeApp {
  readonly gpuUuid: string;
  /** In containers often a pid of the host, which is another process here, or none. */
  readonly pid: number;
  /** The name that the driver reports; absent if it cannot determine it. */
  readonly name?: string;
  /** Absent if the driver does not report it (WSL2, some containers). */
  readonly usedMiB?: number;
}

interface ComputeApps {
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

/** A name may contain commas: it is everything between pid and memory. */
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
