/** Starts a program as the leader of a session of its own, which lives on when we end. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Environment } from '../base/environment.ts';
import { deferred } from '../base/deferred.ts';
import type { Exit } from '../supervisor/events.ts';

export interface SessionLeader {
  /** Absent, or without a pid, when it could not be started. */
  readonly child?: ChildProcess;
  /** Settles when it has ended, or could not be started. Never rejects. */
  readonly ended: Promise<Exit>;
  /** What Node said when it could not be started, once `ended` has settled. */
  failure(): unknown;
}

/** All that it inherits. */
export interface Inheritance {
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
