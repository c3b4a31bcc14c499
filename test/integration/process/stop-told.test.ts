/** A stop continues as soon as it is notified of the exit, without waiting for its next scan. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type LedgerEntry, readLedger } from '../../../src/process/ledger.ts';
import { stopTree } from '../../../src/process/stop-tree.ts';
import { createTracker } from '../../../src/process/tracker.ts';
import { startShell } from '../../support/tree.ts';

test('a stop continues as soon as the parent hears of the exit, without waiting for the next scan', async () => {
  const tree = await startShell('exec sleep 60');
  // No time passes: only a notification ends a pause.
  const clock = { now: () => 0, sleep: async () => await new Promise<never>(() => {}) };
  const report = await stopTree({
    process: (readLedger(tree.ledgerFile)[0] as LedgerEntry).process,
    tracker: createTracker(tree.ledgerFile, readLedger(tree.ledgerFile)),
    graceMs: 1_000,
    clock,
    isForced: () => false,
    leaderEnded: tree.child.exited,
  });
  expect(report).toEqual({ killed: [], left: [] });
  tree.expectNothingLeft();
});

/** Writes the pid of a process atomically. */
const note = (file: string): string => `echo $$ >"$D/${file}.new"; mv "$D/${file}.new" "$D/${file}"`;

test('a child that its leader still needs gets no SIGTERM; the leader ends it later', async () => {
  const tree = await startShell(
    `sh -c 'trap "echo told >$D/told" TERM; ${note('child')}; while :; do sleep 0.02; done' & child=$!; ` +
      `trap 'sleep 0.3; kill -KILL $child; exit 7' TERM; ${note('me')}; while :; do sleep 0.02; done`,
  );
  const seen = [await tree.pidIn('me'), await tree.pidIn('child')];
  expect(await tree.child.stop(8_000)).toEqual({ killed: [], left: [] });
  expect(await tree.child.exited).toEqual({ code: 7, signal: undefined });
  expect(existsSync(join(tree.folder, 'told'))).toBe(false);
  tree.expectNothingLeft(...seen);
});
