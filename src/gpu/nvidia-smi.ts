/** Finds nvidia-smi and asks it, also where it fails or hangs. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

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
  return [...(path ?? '').split(delimiter), wslFolder]
    .filter(Boolean)
    .map((folder) => join(folder, 'nvidia-smi'))
    .find(isExecutable);
}

/**
 * Never throws. Gives up also on one that cannot be ended: who waits for a hung driver heeds not even SIGKILL.
 */
export async function askNvidiaSmi(
  command: string,
  words: readonly string[],
  timeoutMs: number,
): Promise<Answer> {
  return await new Promise((resolve) => {
    const child = execFile(command, words, (error, stdout, stderr) => {
      clearTimeout(limit);
      if (error === null) return resolve({ stdout });
      // A killed one has no status of its own.
      const said = (stderr || stdout || error.message).trim().split('\n')[0] ?? '';
      resolve({ stdout, failure: `failed: ${said}` });
    });
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      resolve({ stdout: '', failure: `did not answer within ${timeoutMs / 1000} s` });
    }, timeoutMs);
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
