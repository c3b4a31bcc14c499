/** Following log files while they are written. */
import { appendFileSync, mkdirSync, renameSync, truncateSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { linesOf } from '../../../src/base/logs.ts';
import { followLogs, type LogFollower } from '../../../src/run/log-follow.ts';
import { logTail } from '../../../src/run/log-file.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

interface Followed {
  readonly lines: string[];
  readonly follower: LogFollower;
}

function follow(files: Readonly<Record<string, string>>, from = 0): Followed {
  const lines: string[] = [];
  const logs = Object.entries(files).map(([process, file]) => ({ process, file, from }));
  const follower = followLogs(logs, {
    onText: (process, text) => void lines.push(...linesOf(text).map((line) => `${process}: ${line}`)),
  });
  onTestFinished(async () => await follower.end());
  return { lines, follower };
}

test('existing lines come at once, new ones as they are written', async () => {
  const file = join(tempFolder(), 'w.log');
  writeFileSync(file, 'one\n');
  const { lines } = follow({ w: file });
  expect(lines).toEqual(['w: one']);
  appendFileSync(file, 'two\nthr');
  await until('the second line', () => lines.length === 2);
  appendFileSync(file, 'ee\n');
  await until('the third line', () => lines.length === 3);
  expect(lines).toEqual(['w: one', 'w: two', 'w: three']);
});

test('a change is seen at once, not at the next poll', async () => {
  const file = join(tempFolder(), 'w.log');
  writeFileSync(file, '');
  const { lines } = follow({ w: file });
  const begin = performance.now();
  for (let i = 1; i <= 10; i++) {
    appendFileSync(file, `${i}\n`);
    await until('the line', () => lines.length === i);
  }
  expect(performance.now() - begin).toBeLessThan(5_000);
});

test('a file that appears later is followed from its beginning', async () => {
  const folder = tempFolder();
  const { lines } = follow({ a: join(folder, 'a.log'), b: join(folder, 'b.log') });
  writeFileSync(join(folder, 'b.log'), 'hello\n');
  await until('the line', () => lines.length === 1);
  expect(lines).toEqual(['b: hello']);
});

test('a folder that appears later is followed as well', async () => {
  const folder = join(tempFolder(), 'logs');
  const { lines } = follow({ a: join(folder, 'a.log') });
  mkdirSync(folder);
  writeFileSync(join(folder, 'a.log'), 'hello\n');
  await until('the line', () => lines.length === 1);
});

test('a truncated file is read from its beginning, and lines are not joined', async () => {
  const file = join(tempFolder(), 'w.log');
  writeFileSync(file, 'old line\nhalf a li');
  const { lines } = follow({ w: file });
  truncateSync(file, 0);
  appendFileSync(file, 'new\n');
  await until('the new line', () => lines.includes('w: new'));
  expect(lines).toEqual(['w: old line', 'w: half a li', 'w: new']);
});

test('a rotated file continues with the new one', async () => {
  const file = join(tempFolder(), 'w.log');
  writeFileSync(file, 'a long line of the old file\n');
  const { lines } = follow({ w: file });
  renameSync(file, `${file}.1`);
  writeFileSync(file, 'new\n');
  await until('the new line', () => lines.includes('w: new'));
});

test('the end yields an unfinished line once, and then nothing more', async () => {
  const file = join(tempFolder(), 'w.log');
  writeFileSync(file, 'one\n');
  const { lines, follower } = follow({ w: file });
  appendFileSync(file, 'two\nrest');
  void follower.end();
  expect(lines).toEqual(['w: one', 'w: two', 'w: rest']);
  appendFileSync(file, ' more\n');
  expect(lines).toHaveLength(3);
});

test('following continues exactly where the tail ended', () => {
  const file = join(tempFolder(), 'w.log');
  writeFileSync(file, '1\n2\nhalf');
  const { end } = logTail(file, 1);
  const { lines, follower } = follow({ w: file }, end);
  appendFileSync(file, ' done\n3\n');
  void follower.end();
  expect(lines).toEqual(['w: half done', 'w: 3']);
});

test('a hundred thousand lines arrive complete and in order', async () => {
  const file = join(tempFolder(), 'w.log');
  writeFileSync(file, '');
  const { lines } = follow({ w: file });
  const expected: string[] = [];
  for (let block = 0; block < 10; block++) {
    const part = Array.from({ length: 10_000 }, (_, i) => `${block} ${i} ${'x'.repeat(i % 50)}`);
    for (const line of part) expected.push(`w: ${line}`);
    appendFileSync(file, `${part.join('\n')}\n`);
  }
  await until('all lines', () => lines.length >= expected.length);
  expect(lines).toEqual(expected);
});

test('nothing more is read while output is blocked; then everything arrives in order', async () => {
  const file = join(tempFolder(), 'w.log');
  const expected = Array.from({ length: 40_000 }, (_, i) => `${i} ${'x'.repeat(40)}`);
  writeFileSync(file, `${expected.join('\n')}\n`);
  const lines: string[] = [];
  let open: (() => void) | undefined;
  let asked = 0;
  const room = (): Promise<void> | undefined => {
    asked++;
    return asked > 1 ? undefined : new Promise((resolve) => void (open = resolve));
  };
  const follower = followLogs([{ process: 'w', file, from: 0 }], {
    onText: (_, text) => void lines.push(...linesOf(text)),
    room,
  });
  onTestFinished(async () => await follower.end());
  const first = lines.length;
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(expected.length);
  // The change is noticed, but reading does not continue.
  const changed = new Promise<void>((resolve) => {
    const watcher = watch(file, () => resolve());
    onTestFinished(() => watcher.close());
  });
  appendFileSync(file, 'more\n');
  await changed;
  expect(lines).toHaveLength(first);
  open?.();
  await until('all lines', () => lines.length > expected.length);
  expect(lines).toEqual([...expected, 'more']);
});

const watches = (): number =>
  process.getActiveResourcesInfo().filter((resource) => resource === 'FSEventWrap').length;

test('while output is blocked, writes are not watched; afterwards they are', async () => {
  const file = join(tempFolder(), 'w.log');
  writeFileSync(file, 'first\n');
  // A watch is counted until its handle has closed, which is after the test that closed it.
  await until('the watches of earlier tests are closed', () => watches() === 0);
  const lines: string[] = [];
  let open: (() => void) | undefined;
  const follower = followLogs([{ process: 'w', file, from: 0 }], {
    onText: (_, text) => void lines.push(...linesOf(text)),
    room: () => (open === undefined ? new Promise((resolve) => void (open = resolve)) : undefined),
  });
  onTestFinished(async () => await follower.end());
  expect(watches()).toBe(1);
  await until('the log is not watched', () => watches() === 0);
  open?.();
  await until('the log is watched again', () => watches() === 1);
  appendFileSync(file, 'second\n');
  await until('the second line', () => lines.length === 2);
  expect(lines).toEqual(['first', 'second']);
});

test('at the end, blocked output is not waited for', async () => {
  const file = join(tempFolder(), 'w.log');
  writeFileSync(file, `${'x'.repeat(99)}\n`.repeat(10_000));
  const lines: string[] = [];
  const follower = followLogs([{ process: 'w', file, from: 0 }], {
    onText: (_, text) => void lines.push(...linesOf(text)),
    room: () => new Promise(() => {}),
  });
  await follower.end();
  expect(lines.length).toBeLessThan(10_000);
});
