/** A process loses a child that it cannot serve without: noticed however late the child gets its title. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { deferred } from '../../../src/base/deferred.ts';
import { findOwned, type OwnedProcess } from '../../../src/process/owned.ts';
import { readLedger } from '../../../src/process/ledger.ts';
import { watchVitalChildren } from '../../../src/process/vital-children.ts';
import { type Started, startShell } from '../../support/tree.ts';
import { until } from '../../support/until.ts';

const spec = { name: 'w', vitalChildren: '^late::' };
/** A child that runs under another name until the file `go` is there. */
const lateChild =
  'bash -c \'until [ -e "$D/go" ]; do sleep 0.02; done; exec -a late::scheduler sleep 60\' & ' +
  'echo $! >"$D/child.new"; mv "$D/child.new" "$D/child"; wait; exec sleep 60';

/** Time passes as fast as sleeps are requested. */
function fastClock(): Clock & { passedMs(): number } {
  let now = 0;
  return {
    now: () => now,
    passedMs: () => now,
    sleep: async (ms, signal) => {
      await new Promise(setImmediate);
      signal?.throwIfAborted();
      now += ms;
    },
  };
}

async function retitled({ folder }: Started, pid: number): Promise<void> {
  writeFileSync(join(folder, 'go'), '');
  await until('the title', () => readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('late::'));
}

/** Scans only on demand, but the real processes. */
function handTracker(tree: Started) {
  const listeners = new Set<(seen: readonly OwnedProcess[]) => void>();
  const look = async (): Promise<readonly OwnedProcess[]> => {
    const seen = findOwned(readLedger(tree.ledgerFile));
    for (const listener of listeners) listener(seen);
    return seen;
  };
  return {
    scan: look,
    onScan: (listener: (seen: readonly OwnedProcess[]) => void) => void listeners.add(listener),
    offScan: (listener: (seen: readonly OwnedProcess[]) => void) => void listeners.delete(listener),
  };
}

test('a title that is set after the last scan is still read', async () => {
  const tree = await startShell(lateChild);
  const { pid } = await tree.pidIn('child');
  const [clock, tracker] = [fastClock(), handTracker(tree)];
  const vital = watchVitalChildren(spec, tree.child.exited, { tracker, clock });
  await tracker.scan();
  await retitled(tree, pid);
  const then = clock.passedMs();
  await until('the title to be read again', () => clock.passedMs() > then + 10_000);
  process.kill(pid, 'SIGKILL');
  expect(await vital.lost).toEqual({ name: 'late::scheduler', pid });
  await tree.child.stop(5_000);
  tree.expectNothingLeft();
});

test('an unseen child is detected before its process counts as ready', async () => {
  const tree = await startShell(lateChild);
  const { pid } = await tree.pidIn('child');
  const vital = watchVitalChildren(spec, tree.child.exited, {
    tracker: handTracker(tree),
    clock: fastClock(),
  });
  await retitled(tree, pid);
  await vital.find();
  process.kill(pid, 'SIGKILL');
  expect(await vital.lost).toEqual({ name: 'late::scheduler', pid });
  await tree.child.stop(5_000);
  tree.expectNothingLeft();
});

test('children that end with their process are not a loss', async () => {
  const tree = await startShell(lateChild);
  const { pid } = await tree.pidIn('child');
  const vital = watchVitalChildren(spec, tree.child.exited, {
    tracker: handTracker(tree),
    clock: systemClock,
  });
  const told = deferred<string>();
  void vital.lost.then(({ name }) => told.resolve(name));
  await retitled(tree, pid);
  await vital.find();
  process.kill(-tree.child.pid, 'SIGKILL');
  await tree.child.exited;
  await tree.child.stop(5_000);
  expect(await Promise.race([told.promise, Promise.resolve('nothing')])).toBe('nothing');
  tree.expectNothingLeft();
});

test('a fork of a vital child with its title does not count', async () => {
  // The subshell waits inside the shell: it never calls exec.
  const forking =
    'exec -a late::scheduler bash -c \'(echo $BASHPID >"$D/fork.new"; mv "$D/fork.new" "$D/fork"; read -r _ <"$D/hold") & ' +
    "while :; do wait; sleep 0.05; done'";
  const tree = await startShell(
    `mkfifo "$D/hold"; bash -c '${forking.replaceAll("'", `'"'"'`)}' & ` +
      'echo $! >"$D/child.new"; mv "$D/child.new" "$D/child"; wait; exec sleep 60',
  );
  const [{ pid }, fork] = [await tree.pidIn('child'), await tree.pidIn('fork')];
  expect(titleOf(fork.pid)).toBe(titleOf(pid));
  const [clock, tracker] = [fastClock(), handTracker(tree)];
  const vital = watchVitalChildren(spec, tree.child.exited, { tracker, clock });
  const told = deferred<string>();
  void vital.lost.then(({ name }) => told.resolve(name));
  await tracker.scan();
  process.kill(fork.pid, 'SIGKILL');
  await until('the fork to end', () => !existsSync(`/proc/${fork.pid}`));
  const then = clock.passedMs();
  await until('some more looks', () => clock.passedMs() > then + 10_000);
  expect(await Promise.race([told.promise, Promise.resolve('nothing')])).toBe('nothing');
  process.kill(pid, 'SIGKILL');
  expect(await vital.lost).toEqual({ name: 'late::scheduler', pid });
  await tree.child.stop(5_000);
  tree.expectNothingLeft();
});

function titleOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
}
