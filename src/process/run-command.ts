/** Runs a command to its end and reads what it says, line by line; when it is stopped, nothing of it is left. */
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
  /** All that it inherits. */
  readonly environment: Readonly<Record<string, string>>;
  /** Lines of both streams. */
  readonly onLine: (line: string) => void;
  readonly onStart: (identity: Identity) => void;
  readonly clock: Clock;
  /** Aborts when it shall end, and all that it started. */
  readonly stop: AbortSignal;
  /** Aborts when that shall not wait. */
  readonly kill: AbortSignal;
}

export interface CommandEnd {
  /** Absent after a signal. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

/**
 * Throws the reason of `stop` when that aborts, `environment` when the command cannot be started, and `left-behind`
 * when something of it outlives SIGKILL.
 */
export async function runCommand(command: Command): Promise<CommandEnd> {
  const { argv, clock, stop, kill } = command;
  stop.throwIfAborted();
  const [file, ...args] = argv;
  const running = execa(file, args, {
    cwd: command.cwd,
    env: { ...command.environment },
    extendEnv: false,
    // Own session: a Ctrl-C in the terminal reaches us alone, and we end all that it started.
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
      ending.push(endSession({ session: running.pid, graceMs, clock, hurry: kill }));
  };
  const onStop = (): void => endAll(stopGraceMs);
  stop.addEventListener('abort', onStop);
  // Processes that it leaves would keep its streams open, and us waiting.
  running.once('exit', () => {
    // From now on its pid may become another's.
    stop.removeEventListener('abort', onStop);
    endAll(0);
  });
  try {
    for await (const line of running.iterable({ from: 'all' })) command.onLine(line);
    const { exitCode, signal, code, originalMessage } = await running;
    const left = (await Promise.all(ending)).flat();
    if (left.length > 0)
      throw new DynamoError('left-behind', `Processes of ${file} are still there: ${left.join(', ')}.`);
    stop.throwIfAborted();
    if (code === undefined) return { code: exitCode, signal };
    throw new DynamoError('environment', `${file} cannot be started: ${originalMessage ?? code}.`);
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}
