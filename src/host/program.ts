/** Finds programs on this host, and runs them to their end for their output, within a time limit. */
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Environment } from '../base/environment.ts';

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Folders of a PATH; an empty one in it does not count. */
export function foldersOf(path: string | undefined): string[] {
  return (path ?? '').split(delimiter).filter(Boolean);
}

/** The first executable with this name in these folders. */
export function findProgram(name: string, folders: readonly string[]): string | undefined {
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

export interface ProgramOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramCall {
  readonly program: string;
  readonly words: readonly string[];
  /** Its environment; the program is searched on the PATH in it. */
  readonly environment: Environment;
  readonly timeoutMs: number;
}

const longestOutput = 64 * 1024 ** 2;

/**
 * `undefined` if there is no such program on PATH, or it is not executable. Rejects on timeout, even if the program cannot
 * be killed: a process that waits for a hung driver ignores even SIGKILL.
 */
export async function runProgram({
  program,
  words,
  environment,
  timeoutMs,
}: ProgramCall): Promise<ProgramOutput | undefined> {
  return await new Promise((resolve, reject) => {
    // The output is parsed.
    const env = { ...environment, LC_ALL: 'C' };
    const child = execFile(program, words, { env, maxBuffer: longestOutput }, (error, stdout, stderr) => {
      clearTimeout(limit);
      const said = { stdout: withoutEnd(stdout), stderr: withoutEnd(stderr) };
      if (error === null) resolve({ code: 0, ...said });
      // A textual code means that it never ran.
      else if (typeof error.code === 'string') resolve(undefined);
      else if (typeof error.code === 'number') resolve({ code: error.code, ...said });
      else resolve({ code: 128, ...said, stderr: `it was killed by ${error.signal ?? 'a signal'}` });
    });
    child.stdin?.on('error', () => {}).end();
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      const late = `${program} did not answer within ${timeoutMs / 1000} s`;
      reject(Object.assign(new Error(late), { code: 'ETIMEDOUT' }));
    }, timeoutMs);
  });
}

function withoutEnd(text: string): string {
  return text.replace(/\n$/, '');
}
