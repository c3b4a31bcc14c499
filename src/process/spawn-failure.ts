/** Says why a process could not be started: the error of the kernel in words, and which of our wishes it was about. */
import { accessSync, constants, statSync } from 'node:fs';
import type { Environment } from '../base/environment.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import { softLimit } from '../base/process-limits.ts';
import { readText } from './proc.ts';

export interface Attempt {
  /** Who it was to be, at the beginning of a sentence: `worker`, `The command`. */
  readonly who: string;
  readonly argv: readonly string[];
  readonly cwd?: string | undefined;
  readonly env: Environment;
}

/** `error`: what Node's `spawn` threw or told. */
export function spawnError(attempt: Attempt, error: unknown): DynamoError {
  const code = errorCode(error);
  const { words, fix } = reasons[code ?? '']?.(attempt) ?? { words: messageOf(error) };
  const named = code === undefined || words.includes(code) ? words : `${words} (${code})`;
  return new DynamoError('environment', `${attempt.who} could not be started: ${named}.`, {
    hint: fix,
    cause: error,
  });
}

interface Reason {
  readonly words: string;
  readonly fix?: string;
}

const reasons: Readonly<Record<string, (attempt: Attempt) => Reason>> = {
  E2BIG: tooLong,
  ENOENT: notThere,
  ENOTDIR: notThere,
  EACCES: notThere,
  EAGAIN: () => ({
    words: `this user may have no more processes and threads (ulimit -u is ${limitText('Max processes')}; pids.max of its control group counts, too)`,
    fix: 'ulimit -u unlimited   # or end other processes: ps -u "$(id -u)" -L | wc -l',
  }),
  ENOMEM: () => ({ words: 'there is no memory for another process', fix: 'free -h; ulimit -v' }),
  EMFILE: () => ({
    words: `too many files are open (ulimit -n is ${limitText('Max open files')})`,
    fix: 'ulimit -n 4096   # then again',
  }),
};

/** One string may take 32 pages. Source: MAX_ARG_STRLEN in linux/binfmts.h. */
const longestString = 32 * 4096;

/** All together may take a quarter of the stack. Source: execve(2). */
function tooLong({ argv, env }: Attempt): Reason {
  const strings = [
    ...argv.map((text) => ({ what: `the argument ${JSON.stringify(text.slice(0, 30))}…`, text })),
    ...Object.entries(env).map(([name, value = '']) => ({
      what: `the variable ${name}`,
      text: `${name}=${value}`,
    })),
  ].map(({ what, text }) => ({ what, bytes: Buffer.byteLength(text) + 1 }));
  const longest = strings.toSorted((a, b) => b.bytes - a.bytes)[0] ?? { what: 'nothing', bytes: 0 };
  const all = strings.reduce((sum, { bytes }) => sum + bytes, 0);
  const words =
    longest.bytes > longestString
      ? `${longest.what} has ${longest.bytes} bytes, and the kernel takes ${longestString}`
      : `arguments and variables have ${all} bytes, more than the kernel takes; the longest is ${longest.what} with ${longest.bytes}`;
  const name = /^the variable (.*)$/.exec(longest.what)?.[1];
  return { words, ...(name === undefined ? {} : { fix: `a shorter ${name}, or its text in a file` }) };
}

/** The kernel says the same of the program and of the working folder. */
function notThere({ argv, cwd }: Attempt): Reason {
  const [program = ''] = argv;
  if (cwd !== undefined && !isFolder(cwd)) {
    return { words: `its working folder ${cwd} cannot be entered`, fix: `ls -ld ${cwd}` };
  }
  return {
    words: `${program} is not there, or may not be run by this user`,
    fix: `ls -l "$(command -v ${program} || echo ${program})"`,
  };
}

function isFolder(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function limitText(name: 'Max processes' | 'Max open files'): string {
  const limit = softLimit(readText('/proc/self/limits') ?? '', name);
  return limit === undefined ? 'unknown' : limit === Infinity ? 'unlimited' : String(limit);
}
