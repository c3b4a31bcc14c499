/** Runs the built command line as users do, and returns its output and how it ended. */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../../support/until.ts';
import type { World } from './world.ts';

export const packageFolder = fileURLToPath(new URL('../../..', import.meta.url));
export const executable = join(packageFolder, 'bin', 'dynamo.js');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export interface Session {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
  /** Waits until the output matches; throws with the output if the command exits first. */
  until(pattern: RegExp, deadlineMs?: number): Promise<void>;
}

export interface Options {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdio?: StdioOptions;
  /** In its own process group, as in a shell. */
  readonly ownGroup?: boolean;
}

export function start(world: World, args: readonly string[], options: Options = {}): Session {
  return startCommand(world, [process.execPath, executable, ...args], options);
}

export function startCommand(world: World, argv: readonly string[], options: Options = {}): Session {
  const [file = '', ...args] = argv;
  const startedAt = performance.now();
  const child = spawn(file, args, {
    cwd: options.cwd ?? world.work,
    env: { ...world.env, ...options.env },
    stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'],
    detached: options.ownGroup === true,
  });
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (part: string) => (stdout += part));
  child.stderr?.setEncoding('utf8').on('data', (part: string) => (stderr += part));
  let over = false;
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      over = true;
      resolve({ code, signal, stdout, stderr, tookMs: performance.now() - startedAt });
    });
  });
  const all = (): string => `${stdout}\n${stderr}`;
  return {
    pid: child.pid ?? 0,
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    until: async (pattern, deadlineMs) => {
      const what = `${pattern} from ${args.join(' ')}`;
      await until(what, () => over || pattern.test(all()), deadlineMs).catch((error: unknown) => {
        throw new Error(`${String(error)}; it said:\n${all()}`, { cause: error });
      });
      if (!pattern.test(all()))
        throw new Error(`${args.join(' ')} ended without ${pattern}; it said:\n${all()}`);
    },
  };
}

/** The exit code that a shell reports: 128 + n after a signal, whether Node or the kernel ended the command. */
export function shellCode({ code, signal }: Ended): number | null {
  return signal === null ? code : 128 + constants.signals[signal];
}

/** Runs a command to its end. */
export async function dynamo(world: World, args: readonly string[], options: Options = {}): Promise<Ended> {
  return await start(world, args, options).ended;
}

/** The same, and throws with the output unless the exit code is 0. */
export async function succeed(world: World, args: readonly string[], options: Options = {}): Promise<Ended> {
  const ended = await dynamo(world, args, options);
  if (ended.code === 0) return ended;
  const how = ended.signal ?? ended.code;
  throw new Error(`dynamo ${args.join(' ')} ended with ${how}:\n${ended.stdout}\n${ended.stderr}`);
}
