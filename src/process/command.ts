/** Runs a command of the user's on our own terminal and streams. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { deferred } from '../base/deferred.ts';
import type { Identity } from '../base/identity.ts';
import { isExecutable } from '../host/program.ts';
import type { Exit } from '../supervisor/events.ts';
import { gatedCommand, hangupIsIgnored, openGate, spawnError } from './spawn.ts';
import { identify } from './identity.ts';

export interface RunningCommand {
  /** Settles when the command itself has ended. Never rejects. */
  readonly ended: Promise<Exit>;
  /** Sends a signal to the command and what it started, unless the terminal has sent it there already. */
  signal(name: NodeJS.Signals): void;
}

/**
 * With a terminal the command stays in our process group, to which Ctrl-C goes by itself; without one it leads a group
 * of its own, so that a signal to our group does not reach it twice. It runs only when `writeDown` has returned, so that
 * somebody can end it when we are killed. Throws `environment` when it cannot be started.
 */
export async function startCommand(
  argv: readonly string[],
  environment: Environment,
  writeDown: (identity: Identity) => void,
): Promise<RunningCommand> {
  const shared = inForeground();
  const ended = deferred<Exit>();
  const child = await started(argv, environment, shared);
  child.once('exit', (code, signal) =>
    ended.resolve({ code: code ?? undefined, signal: signal ?? undefined }),
  );
  try {
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity !== undefined) writeDown(identity);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  openGate(child);
  return {
    ended: ended.promise,
    signal: (name) => {
      if (child.pid === undefined) return;
      if (shared && (name === 'SIGINT' || name === 'SIGHUP')) return;
      try {
        process.kill(shared ? child.pid : -child.pid, name);
      } catch {
        // it has just ended
      }
    },
  };
}

/** It waits at its gate. */
async function started(argv: readonly string[], env: Environment, shared: boolean): Promise<ChildProcess> {
  const [file = '', ...args] = gatedCommand(argv, { ignoresHangup: hangupIsIgnored(env) });
  try {
    const child = spawn(file, args, {
      env,
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
      detached: !shared,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    return child;
  } catch (error) {
    // Node throws some reasons and tells others by an event.
    throw spawnError({ who: argv[0] ?? '', argv: [file, ...args], env }, error);
  }
}

/** Throws `environment` when there is no such program, before anything is brought up for it. */
export function requireProgram(file: string, path: string | undefined): void {
  const places = file.includes('/')
    ? [file]
    : (path ?? '').split(delimiter).map((folder) => join(folder, file));
  if (places.some(isExecutable)) return;
  throw new DynamoError('environment', `There is no program ${JSON.stringify(file)} to run.`, {
    hint: `command -v ${file}`,
  });
}

/** Whether our process group is the one to which our terminal sends Ctrl-C. */
function inForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // Fields 5 and 8 of proc(5): process group, and foreground group of the terminal (-1 without one).
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return group === foreground;
}
