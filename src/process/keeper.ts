/** The keeper: a shell of under 3 MB that outlives the supervisor only to end the tree. */
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Identity } from '../base/identity.ts';
import { identify } from './identity.ts';
import { spawnSession } from './spawn-session.ts';

/**
 * Holds a pipe from the supervisor. The word "done" on it means that the tree is gone; its end without that word means
 * that the supervisor is, and the command that ends the tree takes the keeper's place. Signals of a terminal go by.
 */
const script = `trap '' HUP INT QUIT TERM TSTP; read -r word; [ "$word" = done ] && exit 0; exec "$@"`;

export interface KeeperSettings {
  /** Ends the tree of the run when nobody else does. */
  readonly reapCommand: readonly string[];
  readonly logFile: string;
  /** Told of every keeper that starts; it stays the same process when it ends the tree. */
  readonly onStart: (keeper: Identity) => void;
}

export interface Keeper {
  /** Tells the keeper that the tree is gone; settles when it has ended. */
  release(): Promise<void>;
}

/** A keeper that ends this fast could not live at all; the next one waits, so that a broken host is not flooded. */
const pauseMs = 200;

/** Another keeper takes the place of one that ends unasked. */
export function startKeeper(settings: KeeperSettings): Keeper {
  let over = false;
  let current = oneKeeper(settings);
  const keep = async (): Promise<void> => {
    for (;;) {
      const begin = performance.now();
      await current.ended;
      if (!over && performance.now() - begin < pauseMs) await delay(pauseMs);
      if (over) return;
      current = oneKeeper(settings);
    }
  };
  const kept = keep();
  return {
    release: async () => {
      over = true;
      current.release();
      await kept;
    },
  };
}

function oneKeeper({ reapCommand, logFile, onStart }: KeeperSettings): {
  ended: Promise<unknown>;
  release(): void;
} {
  const log = openSync(logFile, 'a', 0o600);
  try {
    const { child, ended } = spawnSession(['/bin/sh', '-c', script, 'dynamo-keeper', ...reapCommand], {
      stdio: ['pipe', log, log],
    });
    const identity = child?.pid === undefined ? undefined : identify(child.pid);
    if (identity !== undefined) onStart(identity);
    // One that was killed reads no more.
    child?.stdin?.on('error', () => {});
    return { ended, release: () => void child?.stdin?.end('done\n') };
  } finally {
    closeSync(log);
  }
}
