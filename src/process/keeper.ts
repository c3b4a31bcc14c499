/** The keeper: a shell of under 3 MB that outlives the supervisor, only to stop its processes. */
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '../base/environment.ts';
import type { Identity } from '../base/identity.ts';
import { openToAppend } from '../host/own-file.ts';
import { identify } from './identity.ts';
import { ledgerDescriptor } from './ledger-writer.ts';
import { spawnSession } from './spawn.ts';

/** File descriptor from which the program that stops the processes reads the ledger. */
export const keptLedger = 3;

/**
 * Reads a pipe from the supervisor. The word "done" means that all processes have ended. End of file without that word
 * means that the supervisor has died; the program that stops the processes then replaces the keeper. The keeper ignores
 * signals of a terminal. Everything it needs is already open, whatever is moved or removed meanwhile: the ledger as 3,
 * Node or the single-file executable as 4, and as 5 the program for Node, which is empty if the executable contains it.
 * It changes to /, because Node does not start in a folder that was removed.
 */
const script = `trap '' HUP INT QUIT TERM TSTP; cd /; read -r word; [ "$word" = done ] && exit 0
[ -s /proc/self/fd/5 ] && exec /proc/self/fd/4 --input-type=module - "$@" <&5; exec /proc/self/fd/4 "$@"`;

export interface KeeperSettings {
  /** The program that stops the processes of a dead supervisor; `undefined` if the running executable contains it. */
  readonly program: string | undefined;
  /** Arguments of that program. */
  readonly words: readonly string[];
  readonly ledgerFile: string;
  readonly logFile: string;
  readonly environment: Environment;
  /** Called for every keeper that starts. It stays the same process when it stops the tree. */
  readonly onStart: (keeper: Identity) => void;
}

export interface Keeper {
  /** Tells the keeper that all processes have ended; settles when the keeper has exited. */
  release(): Promise<void>;
}

/** A keeper that exits this fast cannot run here; the next one starts later, so that a broken host is not flooded. */
const pauseMs = 200;
/** A keeper that does not exit when told to is suspended, or gets no CPU time. */
const exitMs = 2_000;

/** Replaces a keeper that exits unexpectedly. */
export function startKeeper(settings: KeeperSettings): Keeper {
  // Kept open: the package may be moved, or replaced by a newer version.
  const program = settings.program === undefined ? undefined : openSync(settings.program, 'r');
  const runtime = openSync('/proc/self/exe', 'r');
  const startOne = (): ReturnType<typeof oneKeeper> => oneKeeper(settings, runtime, program);
  let over = false;
  let current = startOne();
  const keep = async (): Promise<void> => {
    for (;;) {
      const begin = performance.now();
      await current.ended;
      if (!over && performance.now() - begin < pauseMs) await delay(pauseMs);
      if (over) return;
      current = startOne();
    }
  };
  const kept = keep();
  return {
    release: async () => {
      over = true;
      current.release();
      const late = setTimeout(() => current.kill(), exitMs);
      await kept;
      clearTimeout(late);
    },
  };
}

function oneKeeper(
  { words, ledgerFile, logFile, environment, onStart }: KeeperSettings,
  runtime: number,
  program: number | undefined,
): { ended: Promise<unknown>; release(): void; kill(): void } {
  const log = openLog(logFile);
  // Each keeper reads it from the start.
  const fresh = program === undefined ? undefined : openSync(`/proc/self/fd/${program}`, 'r');
  try {
    const { child, ended } = spawnSession(['/bin/sh', '-c', script, 'dynamo-keeper', ...words], {
      stdio: ['pipe', log, log, ledgerDescriptor(ledgerFile) ?? 'ignore', runtime, fresh ?? 'ignore'],
      env: environment,
    });
    const identity = child?.pid === undefined ? undefined : identify(child.pid);
    if (identity !== undefined) onStart(identity);
    // A killed keeper does not read any more.
    child?.stdin?.on('error', () => {});
    return {
      ended,
      release: () => void child?.stdin?.end('done\n'),
      kill: () => void child?.kill('SIGKILL'),
    };
  } finally {
    if (log !== 'ignore') closeSync(log);
    if (fresh !== undefined) closeSync(fresh);
  }
}

/** A keeper without a log still works. */
function openLog(file: string): number | 'ignore' {
  try {
    return openToAppend(file);
  } catch {
    return 'ignore';
  }
}
