/** Rotating a log while its process writes and another follows. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { linesOf, offsetPart, offsetText } from '../../../src/base/logs.ts';
import { rotateLog } from '../../../src/process/rotate-log.ts';
import { followLogs, logReader } from '../../../src/run/log-follow.ts';
import { logTail } from '../../../src/run/log-file.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

/** Appends numbered lines as fast as it can, then the word "done". */
const writer = `
  const fs = require('node:fs');
  let line = 0;
  for (const end = Date.now() + 700; Date.now() < end;) {
    fs.writeSync(1, Array.from({ length: 50 }, () => 'line ' + line++ + ' ' + 'x'.repeat(line % 90)).join('\\n') + '\\n');
  }
  fs.writeSync(1, 'done ' + line + '\\n');
`;

function numberOf(line = ''): number {
  return Number(/^(?:line|done) (\d+)/.exec(line)?.[1] ?? -1);
}

/** The number in the last complete line. */
function lastNumber(text: string): number {
  return numberOf(text.slice(0, text.lastIndexOf('\n')).split('\n').at(-1));
}

/** File systems that cannot remove the beginning of a file may lose what is written at that moment. */
function keepsAll(folder: string): boolean {
  const file = join(folder, 'probe');
  writeFileSync(file, Buffer.alloc(131_072 + 1));
  try {
    execFileSync('fallocate', ['--collapse-range', '--offset=0', '--length=65536', file], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

test('a process that keeps writing loses nothing, and a follower sees every line once, in order', async () => {
  const folder = tempFolder();
  const file = join(folder, 'w.log');
  const descriptor = openSync(file, 'a');
  const child = spawn(process.execPath, ['-e', writer], { stdio: ['ignore', descriptor, 'inherit'] });
  closeSync(descriptor);
  onTestFinished(() => void child.kill('SIGKILL'));
  const seen: string[] = [];
  const follower = followLogs([{ process: 'w', file, from: 0 }], {
    onText: (_, text) => void seen.push(...linesOf(text)),
  });
  let rotations = 0;
  const isDone = (): boolean => seen.at(-1)?.startsWith('done') === true;
  while (!isDone()) {
    await until('enough to rotate', () => isDone() || statSync(file).size > 300_000);
    if (!(await rotateLog(file, 300_000, process.env))) continue;
    rotations++;
    // The rotated part stays until the next rotation: a reader that is fast enough misses nothing.
    const moved = lastNumber(readFileSync(`${file}.1`, 'latin1'));
    await until('the follower has read what was moved', () => isDone() || numberOf(seen.at(-1)) >= moved);
  }
  void follower.end();
  expect(rotations).toBeGreaterThan(0);
  const numbers = seen.slice(0, -1).map((line) => Number(/^line (\d+) x*$/.exec(line)?.[1]));
  expect(numbers.filter((number, i) => !(number > (numbers[i - 1] ?? -1)))).toEqual([]);
  if (keepsAll(folder)) expect(numbers).toHaveLength(Number(seen.at(-1)?.split(' ')[1]));
});

test('a follower that is several rotations behind misses lines, but never sees part of one', async () => {
  const file = join(tempFolder(), 'w.log');
  let next = 0;
  const write = (count: number): void => {
    const lines = Array.from({ length: count }, () => `line ${next++} ${'x'.repeat(next % 90)}`);
    appendFileSync(file, `${lines.join('\n')}\n`);
  };
  write(2_000);
  const reader = logReader(file, 0, Buffer.alloc(10_000), 'plain');
  const seen = (reader.next() ?? []).flatMap(linesOf);
  for (let move = 0; move < 5; move++) {
    write(2_000);
    expect(await rotateLog(file, 10_000, process.env)).toBe(true);
  }
  for (let texts = reader.next(); texts !== undefined; texts = reader.next())
    seen.push(...texts.flatMap(linesOf));
  const numbers = seen.map((line) => Number(/^line (\d+) x*$/.exec(line)?.[1]));
  expect(numbers.filter((number, i) => !(number > (numbers[i - 1] ?? -1)))).toEqual([]);
  expect(numbers.at(-1)).toBe(next - 1);
  expect(numbers.length).toBeLessThan(next);
});

test('nothing is read during a rotation; a dead rotator is no longer waited for', async () => {
  const file = join(tempFolder(), 'w.log');
  writeFileSync(file, 'one\n');
  writeFileSync(offsetPart(file), offsetText({ base: 0, emptied: false, moving: process.pid }));
  const reader = logReader(file, 0, Buffer.alloc(10_000), 'plain');
  expect(reader.next()).toBeUndefined();
  const dead = spawn('true');
  await once(dead, 'exit');
  writeFileSync(offsetPart(file), offsetText({ base: 0, emptied: false, moving: dead.pid ?? 0 }));
  expect(reader.next()).toEqual(['one\n']);
});

test('both parts together are what was written, wherever the log is split', async () => {
  const file = join(tempFolder(), 'w.log');
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  expect(await rotateLog(file, 100_000, process.env)).toBe(true);
  appendFileSync(file, 'after\n');
  expect(statSync(file).size).toBeLessThan(100_000);
  expect(logTail(file, Infinity).lines).toEqual([...lines, 'after']);
  expect(logTail(file, 15_000).lines).toEqual([...lines, 'after'].slice(-15_000));
});

test('a small log and a missing one are left alone', async () => {
  const file = join(tempFolder(), 'w.log');
  expect(await rotateLog(file, 10, process.env)).toBe(false);
  writeFileSync(file, '0123456789');
  expect(await rotateLog(file, 10, process.env)).toBe(false);
  expect(existsSync(`${file}.1`)).toBe(false);
});

test('a file whose beginning cannot be removed is emptied', async () => {
  const file = join(tempFolder('/dev/shm'), 'w.log');
  writeFileSync(file, 'a\nb\n');
  expect(await rotateLog(file, 3, process.env)).toBe(true);
  expect(readFileSync(file, 'utf8')).toBe('');
  expect(readFileSync(`${file}.1`, 'utf8')).toBe('a\nb\n');
});
