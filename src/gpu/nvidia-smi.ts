/** Finds nvidia-smi and asks it, also where it fails or hangs. */
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

/** The first one on `path` that may be executed. */
export function findNvidiaSmi(path: string | undefined): string | undefined {
  return findProgram('nvidia-smi', [...foldersOf(path), wslFolder]);
}

/** Never throws. */
export async function askNvidiaSmi(
  command: string,
  words: readonly string[],
  timeoutMs: number,
): Promise<Answer> {
  try {
    const output = await runProgram({ program: command, words, timeoutMs });
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
