/** Finds nvidia-smi and asks it, also where it fails or hangs. */
import type { Environment } from '../base/environment.ts';
import { messageOf } from '../base/error-code.ts';
import { findProgram, foldersOf, runProgram } from '../host/program.ts';

/** nvidia-smi hangs when a GPU does. */
export const longestMs = 5_000;
/** Where WSL2 keeps it, often outside PATH. */
const wslFolder = '/usr/lib/wsl/lib';

export interface Answer {
  /** May hold lines of some GPUs although the command failed because of another. */
  readonly stdout: string;
  /** Why it cannot be relied on, in words. */
  readonly failure?: string;
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
    // A killed one has no status of its own.
    const said = (stderr || stdout || `exit code ${code}`).trim().split('\n')[0] ?? '';
    return { stdout, failure: `failed: ${said}` };
  } catch (error) {
    return { stdout: '', failure: messageOf(error).replace(`${command} `, '') };
  }
}
