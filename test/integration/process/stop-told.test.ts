/** A stop does not wait for its next look when it is told that the process has ended. */
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { type LedgerEntry, readLedger } from '../../../src/process/ledger.ts';
import { stopTree } from '../../../src/process/stop-tree.ts';
import { createTracker } from '../../../src/process/tracker.ts';
import { startShell } from '../../support/tree.ts';

test('a stop goes on when the parent is told of the end, whenever it would have looked again', async () => {
  const tree = await startShell('exec sleep 60');
  // No time passes: only what is told ends a pause.
  const clock = {
    now: () => 0,
    sleep: async (_: number, told?: AbortSignal) => {
      if (told === undefined) throw new Error('nobody would wake it');
      if (!told.aborted) await once(told, 'abort');
    },
  };
  const report = await stopTree({
    process: (readLedger(tree.ledgerFile)[0] as LedgerEntry).process,
    tracker: createTracker(tree.ledgerFile, readLedger(tree.ledgerFile)),
    graceMs: 1_000,
    clock,
    hurry: new AbortController().signal,
    leaderEnded: tree.child.exited,
  });
  expect(report).toEqual({ killed: [], left: [] });
  tree.expectNothingLeft();
});
