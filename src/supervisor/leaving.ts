/** Why a run ends: somebody asked for it, or something failed. The first reason stands, and none is taken back. */
import type { Failure } from './event.ts';
import { StartFailure } from './failure.ts';
import type { Journal } from './journal.ts';
import type { World } from './world.ts';

export interface Leaving {
  /** Aborts when the run is to be taken down. */
  readonly signal: AbortSignal;
  /** Settles at the same time. Never rejects. */
  readonly begun: Promise<void>;
  ask(): void;
  /** As `ask`, and from now on no process gets a grace. */
  askAtOnce(): void;
  fail(reason: Failure): void;
  isAtOnce(): boolean;
  /** Settles when the cause of a failure has been told, or is not known; at once where nothing failed. */
  explained(): Promise<void>;
}

export function createLeaving(journal: Journal, diagnose: World['diagnose']): Leaving {
  const leaving = new AbortController();
  const { signal } = leaving;
  const begun = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  let atOnce = false;
  let explained = Promise.resolve();
  const explain = async (reason: Failure): Promise<void> => {
    const diagnosis = await diagnose(reason);
    if (diagnosis !== undefined) journal.tell({ type: 'diagnosed', diagnosis });
  };
  return {
    signal,
    begun,
    ask: () => leaving.abort(new Error('stop was asked for')),
    askAtOnce: () => {
      atOnce = true;
      leaving.abort(new Error('kill was asked for'));
    },
    fail: (reason) => {
      if (signal.aborted) return;
      journal.tell({ type: 'failed', reason });
      // While the rest is being stopped.
      explained = explain(reason);
      leaving.abort(new StartFailure(reason));
    },
    isAtOnce: () => atOnce,
    explained: async () => await explained,
  };
}
