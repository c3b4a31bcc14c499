/** Ending a process and all its descendants, however they try to escape. */
import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { type LedgerEntry, readLedger } from '../../../src/process/ledger.ts';
import { findOwned } from '../../../src/process/owned.ts';
import { stopTree } from '../../../src/process/stop-tree.ts';
import { createTracker } from '../../../src/process/tracker.ts';
import { kill, livingProcess, type SeenProcess } from '../../oracle/proc.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { start, startShell } from '../../support/tree.ts';
import { until } from '../../support/until.ts';

const graceMs = 8_000;
/** Writes the pid of a process atomically. */
const note = (file: string, pid = '$$'): string =>
  `echo ${pid} >"$D/${file}.new"; mv "$D/${file}.new" "$D/${file}"`;
const perlNote = (file: string): string =>
  `open F, ">", "$ENV{D}/${file}.new"; print F "$$\\n"; close F; rename "$ENV{D}/${file}.new", "$ENV{D}/${file}";`;

async function timed<T>(run: () => Promise<T>): Promise<[T, number]> {
  const begin = performance.now();
  const value = await run();
  return [value, performance.now() - begin];
}

test('a clean tree exits on SIGTERM, long before its grace is over', async () => {
  const tree = await startShell(`sleep 60 & ${note('child', '$!')}; trap 'exit 3' TERM; ${note('me')}; wait`);
  const seen = [await tree.pidIn('me'), await tree.pidIn('child')];
  const [report, ms] = await timed(() => tree.child.stop(graceMs));
  expect(report).toEqual({ killed: [], left: [] });
  expect(await tree.child.exited).toEqual({ code: 3, signal: undefined });
  expect(ms).toBeLessThan(graceMs / 2);
  tree.expectNothingLeft(...seen);
});

test('SIGTERM is sent once, even to a slow process', async () => {
  const tree = await start([
    'perl',
    '-e',
    `my $n = 0; $SIG{TERM} = sub { $n++ }; ${perlNote('me')} until ($n) { select undef, undef, undef, 0.01 } for (1..20) { select undef, undef, undef, 0.01 } exit 10 + $n`,
  ]);
  await tree.pidIn('me');
  expect(await tree.child.stop(graceMs)).toEqual({ killed: [], left: [] });
  expect(await tree.child.exited).toEqual({ code: 11, signal: undefined });
});

test('a leader that ignores SIGTERM is killed after its grace, not before', async () => {
  const tree = await startShell(`trap '' TERM; ${note('me')}; while :; do sleep 0.05; done`);
  const seen = await tree.pidIn('me');
  const [report, ms] = await timed(() => tree.child.stop(400));
  expect(report.killed).toContainEqual(
    expect.stringMatching(new RegExp(`^${seen.pid} \\(.*from w, known by ledger\\)$`)),
  );
  expect(report.left).toEqual([]);
  expect(await tree.child.exited).toEqual({ code: undefined, signal: 'SIGKILL' });
  expect(ms).toBeGreaterThanOrEqual(399);
  tree.expectNothingLeft(seen);
});

test('the exit of a leader does not end the wait for its stubborn child', async () => {
  const tree = await startShell(
    `sh -c 'trap "" TERM; ${note('child')}; while :; do sleep 0.05; done' & wait`,
  );
  const seen = await tree.pidIn('child');
  const [report, ms] = await timed(() => tree.child.stop(400));
  expect(report.killed).toContainEqual(expect.stringMatching(new RegExp(`^${seen.pid} `)));
  expect(report.killed).not.toContainEqual(expect.stringMatching(new RegExp(`^${tree.child.pid} `)));
  expect(ms).toBeGreaterThanOrEqual(399);
  tree.expectNothingLeft(seen);
});

test('children of a leader that exited long ago are still found', async () => {
  const tree = await startShell(`sleep 60 & ${note('child', '$!')}; exit 0`);
  const seen = await tree.pidIn('child');
  expect(await tree.child.exited).toEqual({ code: 0, signal: undefined });
  await until('the leader to be gone', () => livingProcess(tree.child.pid) === undefined);
  expect(await tree.child.stop(graceMs)).toEqual({ killed: [], left: [] });
  tree.expectNothingLeft(seen);
});

test('a process that left with setsid gets SIGTERM too', async () => {
  const tree = await startShell(
    `setsid sh -c 'trap "exit 0" TERM; ${note('child')}; while :; do sleep 0.05; done' & ${note('me')}; wait`,
  );
  const seen = await tree.pidIn('child');
  expect(seen.session).not.toBe(tree.child.pid);
  expect(await tree.child.stop(graceMs)).toEqual({ killed: [], left: [] });
  tree.expectNothingLeft(seen);
});

test('a process that left with setsid and ignores SIGTERM is killed', async () => {
  const tree = await startShell(
    `setsid sh -c 'trap "" TERM; ${note('child')}; while :; do sleep 0.05; done' & exec sleep 60`,
  );
  const seen = await tree.pidIn('child');
  const report = await tree.child.stop(300);
  expect(report.killed).toContainEqual(expect.stringMatching(new RegExp(`^${seen.pid} `)));
  tree.expectNothingLeft(seen);
});

/**
 * Double fork with setsid, so that neither parent nor session leads to it; then overwrites its environment with a
 * title.
 */
const doubleFork = (then: string): readonly string[] => [
  'perl',
  '-e',
  `use POSIX; if (!fork) { POSIX::setsid(); exit if fork; ${then} ${perlNote('child')} sleep 60; exit } wait; ${perlNote('me')} sleep 60`,
];
const rename = '$0 = "sglang::scheduler" . (" " x 4000);';

test('a double fork with an overwritten environment is known by that and its log', async () => {
  const tree = await start(doubleFork(rename));
  const seen = [await tree.pidIn('child'), await tree.pidIn('me')];
  expect(seen[0]).toMatchObject({ parent: expect.not.toSatisfy((pid: number) => pid === tree.child.pid) });
  const [found] = findOwned(readLedger(tree.ledgerFile)).filter(({ pid }) => pid === seen[0]?.pid);
  expect(found?.evidence).toBe('marks');
  expect(await tree.child.stop(graceMs)).toEqual({ killed: [], left: [] });
  tree.expectNothingLeft(...seen);
});

test('a double fork that closed its files has only variables, which prove nothing', async () => {
  const tree = await start(doubleFork('close STDOUT; close STDERR; close STDIN;'));
  const seen = await tree.pidIn('child');
  onTestFinished(() => void process.kill(seen.pid, 'SIGKILL'));
  await tree.pidIn('me');
  expect(findOwned(readLedger(tree.ledgerFile)).map(({ pid }) => pid)).not.toContain(seen.pid);
  expect(await tree.child.stop(graceMs)).toEqual({ killed: [], left: [] });
  expect(livingProcess(seen.pid)?.startTime).toBe(seen.startTime);
});

test('writing to the log of a run proves nothing', async () => {
  const tree = await startShell('exec sleep 60');
  const log = openSync(`/proc/${tree.child.pid}/fd/1`, 'a');
  const unowned = spawn('sleep', ['600'], { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  onTestFinished(() => void unowned.kill('SIGKILL'));
  expect(await tree.child.stop(graceMs)).toEqual({ killed: [], left: [] });
  expect(livingProcess(unowned.pid ?? 0)).toBeDefined();
});

test('a child without files, environment and session is known by its parent', async () => {
  const tree = await start([
    'perl',
    '-e',
    `use POSIX; if (!fork) { POSIX::setsid(); close STDOUT; close STDERR; ${rename} ${perlNote('child')} sleep 60; exit } ${perlNote('me')} sleep 60`,
  ]);
  const seen = [await tree.pidIn('child'), await tree.pidIn('me')];
  const [found] = findOwned(readLedger(tree.ledgerFile)).filter(({ pid }) => pid === seen[0]?.pid);
  expect(found?.evidence).toBe('parent');
  expect(await tree.child.stop(graceMs)).toEqual({ killed: [], left: [] });
  tree.expectNothingLeft(...seen);
});

test('a process that forks on SIGTERM does not escape', async () => {
  const tree = await startShell(
    `trap 'setsid sleep 60 & ${note('late', '$!').replaceAll("'", '')}; exit 0' TERM; ${note('me')}; while :; do sleep 0.02; done`,
  );
  await tree.pidIn('me');
  const report = await tree.child.stop(300);
  expect(report.left).toEqual([]);
  tree.expectNothingLeft();
});

test('without grace, SIGKILL is sent at once', async () => {
  const tree = await startShell(`trap 'exit 0' TERM; ${note('me')}; while :; do sleep 0.05; done`);
  const seen = await tree.pidIn('me');
  const report = await tree.child.stop(0);
  expect(report.killed.length).toBeGreaterThan(0);
  expect(await tree.child.exited).toEqual({ code: undefined, signal: 'SIGKILL' });
  tree.expectNothingLeft(seen);
});

test('kill speeds up a stop in progress', async () => {
  const tree = await startShell(`trap 'echo >"$D/termed"' TERM; ${note('me')}; while :; do sleep 0.05; done`);
  const seen = await tree.pidIn('me');
  const [report, ms] = await timed(async () => {
    const stopping = tree.child.stop(60_000);
    tree.child.kill();
    return await stopping;
  });
  expect(report.killed).toContainEqual(expect.stringMatching(new RegExp(`^${seen.pid} `)));
  expect(ms).toBeLessThan(5_000);
  tree.expectNothingLeft(seen);
});

test('a second stop is harmless, whether concurrent or later', async () => {
  const tree = await startShell('exec sleep 60');
  const both = await Promise.all([tree.child.stop(graceMs), tree.child.stop(graceMs)]);
  expect(both).toEqual([
    { killed: [], left: [] },
    { killed: [], left: [] },
  ]);
  expect(await tree.child.stop(graceMs)).toEqual({ killed: [], left: [] });
  tree.expectNothingLeft();
});

/** An unrelated process: same name, own session, no mark of ours. */
function bystander(): { pid: number } {
  const child = spawn('perl', ['-e', `$0 = "sglang::scheduler"; sleep 60`], {
    detached: true,
    stdio: 'ignore',
    env: {},
  });
  const pid = child.pid ?? -1;
  onTestFinished(() => void child.kill('SIGKILL'));
  return { pid };
}

test('a similar process in another session is left alone', async () => {
  const { pid } = bystander();
  const before = await until('the bystander', () => livingProcess(pid));
  const tree = await start(doubleFork(rename));
  await tree.pidIn('child');
  expect(findOwned(readLedger(tree.ledgerFile)).map((owned) => owned.pid)).not.toContain(pid);
  await tree.child.stop(0);
  expect(livingProcess(pid)?.startTime).toBe(before.startTime);
});

/** Closes inherited files and clears its environment: only session and group show its origin. */
const hide = `close STDOUT; close STDERR; close STDIN; ${rename}`;

test('a hidden child in the session of a dead leader is still found', async () => {
  const tree = await start([
    'perl',
    '-e',
    `if (!fork) { ${hide} ${perlNote('child')} sleep 60; exit } until (-e "$ENV{D}/child") { select undef, undef, undef, 0.01 } exit 3`,
  ]);
  const seen = await tree.pidIn('child');
  expect(await tree.child.exited).toEqual({ code: 3, signal: undefined });
  expect(await tree.child.stop(graceMs)).toEqual({ killed: [], left: [] });
  tree.expectNothingLeft(seen);
});

test('a hidden child that the leader forks on SIGTERM does not escape', async () => {
  const tree = await start([
    'perl',
    '-e',
    `$SIG{TERM} = sub { if (!fork) { $SIG{TERM} = "IGNORE"; ${hide} ${perlNote('late')} sleep 60 } exit }; ${perlNote('me')} sleep 60`,
  ]);
  await tree.pidIn('me');
  const stopping = tree.child.stop(60_000);
  const seen = await tree.pidIn('late');
  tree.child.kill();
  expect((await stopping).killed).toContainEqual(expect.stringMatching(new RegExp(`^${seen.pid} `)));
  tree.expectNothingLeft(seen);
});

/** Two hidden processes in a session whose leader has exited, and a ledger entry with the leader's pid. */
async function unownedInSession(): Promise<{
  first: SeenProcess;
  second: SeenProcess;
  entry: LedgerEntry;
}> {
  const tree = await startShell('exec sleep 60');
  const [real] = readLedger(tree.ledgerFile);
  await tree.child.stop(0);
  const folder = tempFolder();
  const program = `for my $name ("first", "second") { if (!fork) { ${hide} my $f = "$ENV{D}/$name"; open F, ">", "$f.new"; print F "$$"; close F; rename "$f.new", $f; sleep 60; exit } }`;
  const leader = spawn('perl', ['-e', program], { detached: true, stdio: 'ignore', env: { D: folder } });
  const session = leader.pid ?? -1;
  const read = async (name: string): Promise<SeenProcess> => {
    const seen = await until(name, () =>
      existsSync(join(folder, name))
        ? livingProcess(Number(readFileSync(join(folder, name), 'utf8')))
        : undefined,
    );
    onTestFinished(() => kill(seen));
    return seen;
  };
  const [first, second] = [await read('first'), await read('second')];
  await until('their leader to be gone, and reaped', () => !existsSync(`/proc/${session}`));
  expect([first.session, second.session]).toEqual([session, session]);
  const forged = { startTime: '1', pid: session, pgrp: session, session, logFile: '0:0', runId: 'nobody' };
  return { first, second, entry: { ...(real as LedgerEntry), ...forged } };
}

test('similar processes in the session of an unowned process with a reused pid are never signalled', async () => {
  const { first, second, entry } = await unownedInSession();
  expect(findOwned([entry])).toEqual([]);
  const ledgerFile = join(tempFolder(), 'ledger.jsonl');
  for (const grace of [200, 0]) {
    const report = await stopTree({
      process: entry.process,
      tracker: createTracker(ledgerFile, [entry]),
      graceMs: grace,
      clock: systemClock,
      isForced: () => false,
      leaderEnded: new Promise(() => {}),
    });
    expect(report).toEqual({ killed: [], left: [] });
  }
  for (const { pid, startTime } of [first, second]) expect(livingProcess(pid)?.startTime).toBe(startTime);
});

test('the session of a dead leader proves only processes that started before its end was seen', async () => {
  const { first, second, entry } = await unownedInSession();
  const pids = (ends: Map<LedgerEntry, number>): number[] =>
    findOwned([entry], [], ends)
      .map(({ pid }) => pid)
      .toSorted((a, b) => a - b);
  expect(pids(new Map([[entry, Number(second.startTime)]]))).toEqual(
    [first.pid, second.pid].toSorted((a, b) => a - b),
  );
  expect(pids(new Map([[entry, Number(first.startTime) - 1]]))).toEqual([]);
});

test('while one member of a session is known, the others are ours, as its id cannot be reused', async () => {
  const { first, second, entry } = await unownedInSession();
  const { bootId, process, runId } = entry;
  const known = { bootId, process, runId, pid: first.pid, startTime: first.startTime };
  const evidence = new Map(findOwned([entry], [known]).map((owned) => [owned.pid, owned.evidence]));
  expect(evidence).toEqual(
    new Map([
      [first.pid, 'seen'],
      [second.pid, 'session'],
    ]),
  );
});

test.each<[string, Partial<LedgerEntry>]>([
  ['start time', { startTime: '1' }],
  ['boot id', { bootId: 'another-boot' }],
])('a living pid with the wrong %s in the ledger is never signalled', async (_, forged) => {
  const { pid } = bystander();
  const before = await until('the bystander', () => livingProcess(pid));
  const tree = await startShell('exec sleep 60');
  const [real] = readLedger(tree.ledgerFile);
  await tree.child.stop(0);
  const entry = {
    ...(real as LedgerEntry),
    startTime: before.startTime,
    ...forged,
    pid,
    pgrp: pid,
    session: pid,
    logFile: '0:0',
    runId: 'nobody',
  };
  expect(findOwned([entry])).toEqual([]);
  for (const grace of [200, 0]) {
    expect(
      await stopTree({
        process: entry.process,
        tracker: createTracker(tree.ledgerFile, [entry]),
        graceMs: grace,
        clock: systemClock,
        isForced: () => false,
        leaderEnded: new Promise(() => {}),
      }),
    ).toEqual({
      killed: [],
      left: [],
    });
  }
  expect(livingProcess(pid)?.startTime).toBe(before.startTime);
});

test('a torn last line of the ledger does not hide other lines', async () => {
  const tree = await startShell(`${note('me')}; exec sleep 60`);
  await tree.pidIn('me');
  appendFileSync(tree.ledgerFile, '{"bootId":"x","pid":1,"startTi');
  expect(readLedger(tree.ledgerFile)).toHaveLength(1);
  expect(findOwned(readLedger(tree.ledgerFile)).map(({ pid }) => pid)).toEqual([tree.child.pid]);
  await tree.child.stop(graceMs);
  tree.expectNothingLeft();
});

test('a process that may not be signalled is reported as left, and the stop continues', async () => {
  const tree = await startShell('exec sleep 60');
  const real = process.kill.bind(process);
  const refused = new Set<number>([tree.child.pid, -tree.child.pid]);
  process.kill = (pid, signal) => {
    if (refused.has(pid) && signal !== 0) throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
    return real(pid, signal);
  };
  const entry = readLedger(tree.ledgerFile)[0] as LedgerEntry;
  let time = 0;
  // Virtual time: in real time, giving up would take five seconds.
  const clock = { now: () => (time += 500), sleep: async () => {} };
  const report = await stopTree({
    process: entry.process,
    tracker: createTracker(tree.ledgerFile, [entry]),
    graceMs: 1_000,
    clock,
    isForced: () => false,
    leaderEnded: new Promise(() => {}),
  }).finally(() => (process.kill = real));
  expect(report.left).toEqual([expect.stringContaining(`${tree.child.pid} (`)]);
  await tree.child.stop(0);
  tree.expectNothingLeft();
});
