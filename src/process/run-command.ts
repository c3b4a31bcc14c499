/** Runs a command to its end and reads its output line by line; a stop ends it with everything that it started. */
import { execa } from 'execa';
import type { Clock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { Identity } from '../base/identity.ts';
import { identify } from './identity.ts';
import { endSession } from './end-processes.ts';

/** Between SIGTERM and SIGKILL: installers have nothing to save. */
const stopGraceMs = 5_000;

export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  /** The whole environment of the command. */
  readonly environment: Readonly<Record<string, string>>;
  /** Lines of both streams. */
  readonly onLine: (line: string) => void;
  readonly onStart: (identity: Identity) => void;
  readonly clock: Clock;
  /** Aborts to stop the command and everything that it started. */
  readonly stop: AbortSignal;
  /** Aborts to kill it now. */
  readonly kill: AbortSignal;
}

export interface CommandEnd {
  /** Absent after a signal. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

/**
 * Throws the reason of `stop` when that aborts, `environment` when the command cannot be started, and `left-behind` when
 * a process of it survives SIGKILL.
 */
export async function runCommand(command: Command): Promise<CommandEnd> {
  const { argv, clock, stop, kill } = command;
  stop.throwIfAborted();
  const [file, ...args] = argv;
  const running = execa(file, args, {
    cwd: command.cwd,
    env: { ...command.environment },
    extendEnv: false,
    // Own session: Ctrl-C in the terminal reaches only us, and we stop everything that it started.
    detached: true,
    reject: false,
    buffer: false,
    all: true,
    stdin: 'ignore',
  });
  const identity = running.pid === undefined ? undefined : identify(running.pid);
  if (identity !== undefined) command.onStart(identity);
  const ending: Promise<number[]>[] = [];
  const endAll = (graceMs: number): void => {
    if (running.pid !== undefined)
      ending.push(endSession({ session: running.pid, graceMs, clock, forceSignal: kill }));
  };
  const onStop = (): void => endAll(stopGraceMs);
  stop.addEventListener('abort', onStop);
  // Processes that it leaves behind would keep its streams open, and we would wait.
  running.once('exit', () => {
    // From now on its pid may be reused.
    stop.removeEventListener('abort', onStop);
    endAll(0);
  });
  try {
    for await (const line of running.iterable({ from: 'all' })) command.onLine(line);
    const { exitCode, signal, code, originalMessage } = await running;
    const left = (await Promise.all(ending)).flat();
    if (left.length > 0)
      throw new DynamoError('left-behind', `Processes of ${file} are still running: ${left.join(', ')}.`, {
        fields: { pids: left },
      });
    stop.throwIfAborted();
    if (code === undefined) return { code: exitCode, signal };
    throw new DynamoError('environment', `${file} could not be started: ${originalMessage ?? code}.`, {
      fields: { program: file },
    });
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}
