/** The keeper: a shell of under 3 MB that outlives the supervisor only to end the tree. */
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '../base/environment.ts';
import type { Identity } from '../base/identity.ts';
import { openToAppend } from '../host/own-file.ts';
import { identify } from './identity.ts';
import { ledgerDescriptor } from './ledger-writer.ts';
import { spawnSession } from './spawn.ts';

/** Descriptor from which the program that ends the tree reads the ledger. */
export const keptLedger = 3;

/**
 * Holds a pipe from the supervisor. The word "done" on it means that the tree is gone; its end without that word means
 * that the supervisor is, and the program that ends the tree takes the keeper's place. Signals of a terminal go by.
 * All that it needs then is open already, whatever is moved or removed meanwhile: the ledger as 3, Node or the
 * executable file as 4, and as 5 what Node shall run, which has no size where the executable holds it. It leaves its
 * folder, as Node starts in none that was removed.
 */
const script = `trap '' HUP INT QUIT TERM TSTP; cd /; read -r word; [ "$word" = done ] && exit 0
[ -s /proc/self/fd/5 ] && exec /proc/self/fd/4 --input-type=module - "$@" <&5; exec /proc/self/fd/4 "$@"`;

export interface KeeperSettings {
  /** File with the program that ends the tree when nobody else does; `undefined` where the executable that runs us holds it. */
  readonly program: string | undefined;
  /** For that program. */
  readonly words: readonly string[];
  readonly ledgerFile: string;
  readonly logFile: string;
  readonly environment: Environment;
  /** Told of every keeper that starts; it stays the same process when it ends the tree. */
  readonly onStart: (keeper: Identity) => void;
}

export interface Keeper {
  /** Tells the keeper that the tree is gone; settles when it has ended. */
  release(): Promise<void>;
}

/** A keeper that ends this fast could not live at all; the next one waits, so that a broken host is not flooded. */
const pauseMs = 200;
/** One that does not end at the word is suspended, or has no processor to run on. */
const obeyMs = 2_000;

/** Another keeper takes the place of one that ends unasked. */
export function startKeeper(settings: KeeperSettings): Keeper {
  // Open for as long as we live: the package may be moved, or replaced by a newer one.
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
      const late = setTimeout(() => current.kill(), obeyMs);
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
  // Read from its start by each keeper.
  const fresh = program === undefined ? undefined : openSync(`/proc/self/fd/${program}`, 'r');
  try {
    const { child, ended } = spawnSession(['/bin/sh', '-c', script, 'dynamo-keeper', ...words], {
      stdio: ['pipe', log, log, ledgerDescriptor(ledgerFile) ?? 'ignore', runtime, fresh ?? 'ignore'],
      env: environment,
    });
    const identity = child?.pid === undefined ? undefined : identify(child.pid);
    if (identity !== undefined) onStart(identity);
    // One that was killed reads no more.
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

/** One that cannot write keeps all the same. */
function openLog(file: string): number | 'ignore' {
  try {
    return openToAppend(file);
  } catch {
    return 'ignore';
  }
}
