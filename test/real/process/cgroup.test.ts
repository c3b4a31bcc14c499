/** Control groups, on a host where we can create some: processes without any other mark are found and ended. */
import { existsSync, mkdirSync, readdirSync, rmdirSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { cgroupOfRun, removeAbandonedCgroups, removeCgroup } from '../../../src/process/cgroup.ts';
import { readLedger } from '../../../src/process/ledger.ts';
import { livingProcess } from '../../oracle/proc.ts';
import { start } from '../../support/tree.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

/** Own session, no parent, an empty environment, none of our files: before the first scan. */
const escape = '(setsid env -i /bin/sleep 86397 </dev/null >/dev/null 2>&1 & echo $! >"$D/escaped"); exit 0';

function delegated(): string {
  const folder = cgroupOfRun(`test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`);
  if (folder === undefined) {
    throw new Error(
      'no control group can be made here: cgroup v2, kernel 5.14 and root or delegation needed',
    );
  }
  return folder;
}

test('a process that lost every mark before the first scan is found, ended and reported', async () => {
  const cgroup = delegated();
  const { child, ledgerFile, pidIn, expectNothingLeft } = await start(
    ['/bin/sh', '-c', escape],
    'w',
    tempFolder(),
    cgroup,
  );
  const { pid } = await pidIn('escaped');
  await child.exited;
  const escaped = await until('it has escaped', () => {
    const seen = livingProcess(pid);
    return seen?.parent === 1 && seen.session === pid && seen.command.startsWith('/bin/sleep') && seen;
  });
  const report = await child.stop(0);
  expect(report.killed.join()).toMatch(new RegExp(`^${escaped.pid} \\(.*known by control group\\)$`));
  expectNothingLeft(escaped);
  expect(readLedger(ledgerFile)[0]?.cgroup).toBe(`${cgroup}/w`);
  removeCgroup(cgroup);
  expect(existsSync(cgroup)).toBe(false);
});

test('children that fork faster than they can be killed one by one are killed together', async () => {
  const cgroup = delegated();
  const bomb = 'n=0; while :; do n=$((n+1)); [ $n -gt 400 ] && exit; sh -c "sleep 86396" & done';
  const { child, expectNothingLeft } = await start(['/bin/sh', '-c', bomb], 'w', tempFolder(), cgroup);
  expect((await child.stop(0)).left).toEqual([]);
  expectNothingLeft();
  removeCgroup(cgroup);
  expect(existsSync(cgroup)).toBe(false);
});

test('empty groups of dead supervisors are removed, no others', async () => {
  const own = dirname(delegated());
  const dead = await until('a pid is free', () => {
    const pid = 2 + Math.floor(Math.random() * 30_000);
    return !existsSync(`/proc/${pid}`) && pid;
  });
  const mark = Math.random().toString(36).slice(2, 8);
  const names = {
    abandoned: `dynamo-${mark}a-abcd-${dead}`,
    young: `dynamo-${mark}b-abcd-${dead}`,
    supervised: `dynamo-${mark}c-abcd-${process.pid}`,
    ofOthers: `other-${mark}-${dead}`,
  };
  for (const name of Object.values(names)) mkdirSync(join(own, name, 'worker'), { recursive: true });
  const anHourAgo = Date.now() / 1000 - 3600;
  for (const name of [names.abandoned, names.supervised, names.ofOthers])
    utimesSync(join(own, name), anHourAgo, anHourAgo);
  try {
    removeAbandonedCgroups();
    const left = readdirSync(own).filter((name) => name.includes(mark));
    expect(left.toSorted()).toEqual([names.young, names.supervised, names.ofOthers].toSorted());
  } finally {
    for (const name of Object.values(names)) {
      if (!existsSync(join(own, name))) continue;
      rmdirSync(join(own, name, 'worker'));
      rmdirSync(join(own, name));
    }
  }
});

test('a group with a process stays as it is, whoever started it', async () => {
  const own = dirname(delegated());
  const name = `dynamo-${Math.random().toString(36).slice(2, 8)}-abcd-4194305`;
  const cgroup = join(own, name);
  const { child, expectNothingLeft } = await start(['/bin/sleep', '86395'], 'w', tempFolder(), cgroup);
  // Of processes between two lives. The kernel keeps only the group with the process from being removed.
  const empty = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((each) => join(cgroup, each));
  for (const group of empty) mkdirSync(group);
  const anHourAgo = Date.now() / 1000 - 3600;
  utimesSync(cgroup, anHourAgo, anHourAgo);
  removeAbandonedCgroups();
  expect([join(cgroup, 'w'), ...empty].filter((group) => !existsSync(group))).toEqual([]);
  expect((await child.stop(0)).left).toEqual([]);
  expectNothingLeft();
  removeAbandonedCgroups();
  expect(existsSync(cgroup)).toBe(false);
});
