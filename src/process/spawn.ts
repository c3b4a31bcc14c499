/**
 * Starts a process as the leader of its own session, behind a gate until it is recorded, or detached from this
 * terminal; and says why one could not be started.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Environment } from '../base/environment.ts';
import { deferred } from '../base/deferred.ts';
import type { Exit } from '../supervisor/events.ts';
import { Writable } from 'node:stream';
import { accessSync, closeSync, constants, statSync } from 'node:fs';
import { readText } from './proc.ts';
import type { Identity } from '../base/identity.ts';
import { openToAppend } from '../host/own-file.ts';
import { identify } from './identity.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import { softLimit } from '../base/process-limits.ts';

interface SessionLeader {
  /** Absent, or without a pid, if it could not be started. */
  readonly child?: ChildProcess;
  /** Settles when it has ended, or could not be started. Never rejects. */
  readonly ended: Promise<Exit>;
  /** The error if it could not be started, once `ended` has settled. */
  failure(): unknown;
}

/** All that it inherits. */
interface Inheritance {
  /** For each descriptor: nothing, a pipe to us, or one of our own. */
  readonly stdio: readonly ('ignore' | 'pipe' | number)[];
  readonly cwd?: string;
  readonly env: Environment;
}

const never: Exit = { code: undefined, signal: undefined };

/**
 * Starts a program as the leader of its own session, which outlives us. Uses Node's `spawn`, not execa: execa adds nothing
 * for a process that writes to a file, and loading it takes a tenth of our start-up time. Never throws.
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
    // For a running process, this event only means that a signal could not be sent.
    child.on('error', (error) => void (child.pid === undefined && failed(error)));
    return { child, ended: ended.promise, failure: () => failure };
  } catch (error) {
    // Node throws some errors (too many or too long arguments) and emits others as an event.
    failed(error);
    return { ended: ended.promise, failure: () => failure };
  }
}

/**
 * The gate: a shell joins the control group in its first argument, if any, waits for a byte on descriptor 3, and then
 * becomes the command. So the ledger lists a process before it can start others. The first to join a group waits for the
 * kernel for ten milliseconds (Linux 6.18): meanwhile, we start the others.
 */
const script =
  '[ -z "$1" ] || echo $$ 2>/dev/null >"$1/cgroup.procs"; read -r _ <&3 || exit 125; exec 3<&-; shift; exec "$@"';

/** Node resets every signal to its default at start-up, for itself and its children. */
const nohupScript = `trap '' HUP; ${script}`;

/** Descriptor 3 must be a pipe to us. `ignoresHangup`: we were started with nohup. */
export function gatedCommand(
  argv: readonly string[],
  { cgroup = '', ignoresHangup }: { readonly cgroup?: string | undefined; readonly ignoresHangup: boolean },
): string[] {
  return ['/bin/sh', '-c', ignoresHangup ? nohupScript : script, 'sh', cgroup, ...argv];
}

/** Call this once the process is recorded in the ledger. */
export function openGate({ stdio }: ChildProcess): void {
  const pipe = stdio[3];
  if (!(pipe instanceof Writable)) return;
  // A killed process does not read any more.
  pipe.on('error', () => {});
  pipe.end('\n');
}

/**
 * Starts a process that outlives us: own session, own log file, detached from this terminal. `logFile`: for its output,
 * which is dropped without one. `env`: its whole environment. Throws `environment` when it cannot be started.
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
    throw spawnError({ who: 'The supervisor', argv, env }, failure() ?? new Error('it exited immediately'));
  } finally {
    if (log !== 'ignore') closeSync(log);
  }
}

export interface Attempt {
  /** The subject of the message: `worker`, `The command`. */
  readonly who: string;
  readonly argv: readonly string[];
  readonly cwd?: string | undefined;
  readonly env: Environment;
}

/** `error`: what Node's `spawn` threw or emitted. */
export function spawnError(attempt: Attempt, error: unknown): DynamoError {
  const code = errorCode(error);
  const { words, fix } = reasons[code ?? '']?.(attempt) ?? { words: messageOf(error) };
  const named = code === undefined || words.includes(code) ? words : `${words} (${code})`;
  return new DynamoError('environment', `${attempt.who} could not be started: ${named}.`, {
    hint: fix,
    cause: error,
    fields: { program: attempt.argv[0] },
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
    words: `this user has reached the limit of processes and threads (ulimit -u is ${limitText('Max processes')}; pids.max of the control group also applies)`,
    fix: 'ulimit -u unlimited   # or end other processes: ps -u "$(id -u)" -L | wc -l',
  }),
  ENOMEM: () => ({ words: 'not enough memory for another process', fix: 'free -h; ulimit -v' }),
  EMFILE: () => ({
    words: `too many files are open (ulimit -n is ${limitText('Max open files')})`,
    fix: 'ulimit -n 4096   # then retry',
  }),
};

/** One string may take 32 pages. Source: MAX_ARG_STRLEN in linux/binfmts.h. */
const longestString = 32 * 4096;

/** All strings together may take a quarter of the stack. Source: execve(2). */
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
      ? `${longest.what} has ${longest.bytes} bytes; the kernel accepts at most ${longestString}`
      : `arguments and variables have ${all} bytes, more than the kernel accepts; the longest is ${longest.what} with ${longest.bytes}`;
  const name = /^the variable (.*)$/.exec(longest.what)?.[1];
  return { words, ...(name === undefined ? {} : { fix: `shorten ${name}, or put its text into a file` }) };
}

/** The kernel reports the same error for the program and for the working folder. */
function notThere({ argv, cwd }: Attempt): Reason {
  const [program = ''] = argv;
  if (cwd !== undefined && !isFolder(cwd)) {
    return { words: `its working folder ${cwd} cannot be entered`, fix: `ls -ld ${cwd}` };
  }
  return {
    words: `${program} does not exist, or this user may not execute it`,
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
