/**
 * Starts a process as the leader of its own session, behind a gate until it is written down, or detached from this
 * terminal; and says why one could not be started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Environment } from '../base/environment.ts';
import { deferred } from '../base/deferred.ts';
import type { Exit } from '../supervisor/events.ts';
import { Writable } from 'node:stream';
import { accessSync, closeSync, constants, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { readText } from './proc.ts';
import type { Identity } from '../base/identity.ts';
import { openToAppend } from '../host/own-file.ts';
import { identify } from './identity.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import { softLimit } from '../base/process-limits.ts';

interface SessionLeader {
  /** Absent, or without a pid, when it could not be started. */
  readonly child?: ChildProcess;
  /** Settles when it has ended, or could not be started. Never rejects. */
  readonly ended: Promise<Exit>;
  /** What Node said when it could not be started, once `ended` has settled. */
  failure(): unknown;
}

/** All that it inherits. */
interface Inheritance {
  /** By descriptor: nothing, a pipe to us, or one of our own. */
  readonly stdio: readonly ('ignore' | 'pipe' | number)[];
  readonly cwd?: string;
  readonly env: Environment;
}

const never: Exit = { code: undefined, signal: undefined };

/**
 * Node's own `spawn`, not execa: of a process that writes into a file, outlives us and is ended by its session, execa
 * would have nothing to buffer, to clean up or to explain, and loading it is a tenth of our start. Never throws.
 */
export function spawnSession(argv: readonly string[], inheritance: Inheritance): SessionLeader {
  const [file = '', ...words] = argv;
  const ended = deferred<Exit>();
  let failure: unknown;
  const failed = (error: unknown): void => {
    failure = error;
    ended.resolve(never);
  };
  try {
    const child = spawn(file, words, { ...inheritance, stdio: [...inheritance.stdio], detached: true });
    child.once('exit', (code, signal) =>
      ended.resolve({ code: code ?? undefined, signal: signal ?? undefined }),
    );
    // Of one that runs it only says that a signal could not be sent.
    child.on('error', (error) => void (child.pid === undefined && failed(error)));
    return { child, ended: ended.promise, failure: () => failure };
  } catch (error) {
    // Node throws some reasons (too many or too long arguments) and tells others by an event.
    failed(error);
    return { ended: ended.promise, failure: () => failure };
  }
}

/**
 * Waits for a byte on descriptor 3, so that the ledger knows the process before it can start another, and joins the
 * control group that is its first argument, where there is one.
 */
const script =
  'read -r _ <&3 || exit 125; exec 3<&-; [ -z "$1" ] || echo $$ 2>/dev/null >"$1/cgroup.procs"; shift; exec "$@"';

/** Node puts every signal back to its default when it starts, for itself and for what it starts. */
const deafScript = `trap '' HUP; ${script}`;

/** Descriptor 3 has to be a pipe to us. `ignoresHangup`: as who started us wanted it, with nohup. */
export function gatedCommand(
  argv: readonly string[],
  { cgroup = '', ignoresHangup }: { readonly cgroup?: string | undefined; readonly ignoresHangup: boolean },
): string[] {
  return ['/bin/sh', '-c', ignoresHangup ? deafScript : script, 'sh', cgroup, ...argv];
}

/** To be called once it is written down. */
export function openGate({ stdio }: ChildProcess): void {
  const pipe = stdio[3];
  if (!(pipe instanceof Writable)) return;
  // One that was killed reads no more.
  pipe.on('error', () => {});
  pipe.end('\n');
}

let known: boolean | undefined;

/**
 * Node forgets it: it puts every signal back to its default before any of our code runs (src/node.cc,
 * ResetSignalHandlers). What is left are the traces of nohup, which shells name in `_` and which writes to nohup.out, and
 * a parent that ignores it, as in a script with `trap '' HUP`.
 */
export function hangupIsIgnored(environment: Environment): boolean {
  // A parent that has ended in the meantime could not be asked again.
  known ??= isNohup(environment) || writesToNohupOut() || parentIgnoresHangup();
  return known;
}

function isNohup({ _: program }: Environment): boolean {
  return basename(program ?? '') === 'nohup';
}

function writesToNohupOut(): boolean {
  return [1, 2].some((descriptor) => {
    try {
      return basename(readlinkSync(`/proc/self/fd/${descriptor}`)) === 'nohup.out';
    } catch {
      return false;
    }
  });
}

/** The first bit of the mask is signal 1. Source: proc(5), SigIgn. */
function parentIgnoresHangup(): boolean {
  const mask = /^SigIgn:\s+([0-9a-f]+)$/m.exec(readText(`/proc/${process.ppid}/status`) ?? '')?.[1];
  return mask !== undefined && Number.parseInt(mask.slice(-1), 16) % 2 === 1;
}

/**
 * `logFile`: where its output goes; without one it goes nowhere. `env`: all that it inherits. Throws `environment` when
 * it cannot be started at all.
 */
export async function spawnDetached(
  argv: readonly [string, ...string[]],
  logFile: string | undefined,
  env: Environment,
): Promise<Identity> {
  const log = logFile === undefined ? 'ignore' : openToAppend(logFile);
  try {
    const { child, ended, failure } = spawnSession(argv, {
      stdio: ['ignore', log, log],
      env,
    });
    child?.unref();
    const identity = child?.pid === undefined ? undefined : identify(child.pid);
    if (identity !== undefined) return identity;
    await ended;
    throw spawnError({ who: 'The supervisor', argv, env }, failure() ?? new Error('it ended at once'));
  } finally {
    if (log !== 'ignore') closeSync(log);
  }
}

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
