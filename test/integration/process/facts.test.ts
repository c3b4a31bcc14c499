/** Owner, age, command and open files of real processes. */
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { factsOf } from '../../../src/process/facts.ts';
import { openersOf } from '../../../src/process/open-files.ts';
import { startShell } from '../../support/tree.ts';
import { until } from '../../support/until.ts';

test('describes a process by user, age and command', async () => {
  const { child, pidIn } = await startShell('echo $$ >$D/pid; exec sleep 60');
  const { pid } = await pidIn('pid');
  const facts = factsOf(pid);
  expect(facts).toMatchObject({ pid, uid: process.getuid?.() });
  expect(facts?.user).not.toBe('');
  expect(facts?.ageMs).toBeGreaterThanOrEqual(0);
  expect(facts?.ageMs).toBeLessThan(60_000);
  await child.stop(0);
  expect(factsOf(pid)).toBeUndefined();
});

test('finds exactly the processes that have a file open', async () => {
  const { child, pidIn, folder } = await startShell('echo $$ >$D/pid; exec sleep 60 9>$D/nvidia0');
  const { pid } = await pidIn('pid');
  writeFileSync(join(folder, 'other'), '');
  const device = join(folder, 'nvidia0');
  // The shell writes its pid just before it opens the file and executes sleep.
  const found = await until('the file to be open', () => {
    const { openers } = openersOf((path) => path === device);
    return openers.size > 0 && [...openers];
  });
  expect(found).toEqual([pid]);
  expect([...openersOf((path) => path === join(folder, 'other')).openers]).toEqual([]);
  await child.stop(0);
});
