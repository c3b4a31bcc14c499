/** Several processes claim the same file at the same time: exactly one gets it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { claim, readClaim } from '../../../src/run/claim.ts';
import { bundledScript } from '../../support/bundled-script.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const racers = 4;
const rounds = 250;
const dead = { runId: 'dead', holder: { bootId: 'this', pid: 2 ** 22 + 7, startTime: '1' } };

async function race(prepare: (file: string, round: number) => void): Promise<void> {
  const folder = tempFolder();
  const script = bundledScript('claimer');
  for (let round = 0; round < rounds; round++) prepare(join(folder, String(round)), round);
  const startAt = Date.now() + 400;
  const children = Array.from({ length: racers }, () =>
    spawn(process.execPath, [script, 'race', folder, String(rounds), String(startAt), '2'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  onTestFinished(() => children.forEach((child) => child.kill('SIGKILL')));
  const won = await Promise.all(children.map(firstLine));
  const winners = Array.from(
    { length: rounds },
    (_, round) => won.filter((list) => list.includes(round)).length,
  );
  expect(winners).toEqual(Array.from({ length: rounds }, () => 1));
  for (let round = 0; round < rounds; round++) {
    const winner = children[won.findIndex((list) => list.includes(round))];
    expect(readClaim(join(folder, String(round)))?.holder.pid).toBe(winner?.pid);
  }
  // No drafts or temporary files are left.
  expect(readdirSync(folder).filter((name) => !/^\d+$/.test(name))).toEqual([]);
  await Promise.all(children.map(ended));
}

async function firstLine(child: ChildProcess & { stdout: NodeJS.ReadableStream }): Promise<number[]> {
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line) as number[];
  throw new Error('a racer ended early');
}

async function ended(child: ChildProcess): Promise<void> {
  child.stdin?.end();
  if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve));
}

test('without a holder', async () => {
  await race(() => {});
});

test('with a dead holder', async () => {
  await race((file) => writeFileSync(file, JSON.stringify(dead)));
});

test('claims that race with the liveness check of a holder still have one winner', () => {
  const script = bundledScript('claimer');
  const file = join(tempFolder(), 'name');
  writeFileSync(file, JSON.stringify(dead));
  const living = [1, 2, 3, 4, 5];
  const results = new Map<number, string>();
  const others = living.slice(1);
  const standing = claim(
    file,
    { runId: 'run-1', holder: { bootId: 'this', pid: 1, startTime: '1' } },
    ({ pid }) => {
      const other = others.shift();
      if (other !== undefined) {
        const words = [script, 'once', file, String(other), ...living.map(String)];
        results.set(other, execFileSync(process.execPath, words, { encoding: 'utf8' }));
      }
      return living.includes(pid);
    },
  );
  results.set(1, standing === undefined ? 'won' : 'lost');
  const winners = [...results].filter(([, result]) => result === 'won').map(([pid]) => pid);
  expect(winners).toHaveLength(1);
  expect(readClaim(file)?.holder.pid).toBe(winners[0]);
});
