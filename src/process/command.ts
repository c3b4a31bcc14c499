/** Runs a user's command on our own terminal and streams. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { deferred } from '../base/deferred.ts';
import type { Identity } from '../base/identity.ts';
import { isExecutable } from '../host/program.ts';
import type { Exit } from '../supervisor/events.ts';
import { hangupIsIgnored } from './hangup.ts';
import { gatedCommand, openGate, spawnError } from './spawn.ts';
import { identify } from './identity.ts';

export interface RunningCommand {
  /** Settles when the command itself has ended. Never rejects. */
  readonly ended: Promise<Exit>;
  /** Sends a signal to the command and its children, unless the terminal has already sent it there. */
  signal(name: NodeJS.Signals): void;
}

/**
 * With a terminal, the command stays in our process group, which receives Ctrl-C directly. Without one, it leads its own
 * group, so that a signal to our group does not reach it twice. It runs only after `writeDown` has returned, so that
 * the keeper can end it if we are killed. Throws `environment` when it cannot be started.
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
        // It has just ended.
      }
    },
  };
}

/** The command waits at its gate. */
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
    // Node throws some errors and emits others as an event.
    throw spawnError({ who: argv[0] ?? '', argv: [file, ...args], env }, error);
  }
}

/** Throws `environment` when the program does not exist, before anything is started for it. */
export function requireProgram(file: string, path: string | undefined): void {
  const places = file.includes('/')
    ? [file]
    : (path ?? '').split(delimiter).map((folder) => join(folder, file));
  if (places.some(isExecutable)) return;
  throw new DynamoError('environment', `The program ${JSON.stringify(file)} was not found.`, {
    hint: `command -v ${file}`,
    fields: { program: file },
  });
}

/** Whether our process group receives Ctrl-C from our terminal. */
function inForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // Fields 5 and 8 of proc(5): process group, and foreground group of the terminal (-1 without one).
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return group === foreground;
}
