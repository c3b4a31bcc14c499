/** Shared memory with a random name: recorded by the scan that sees it mapped, removed when no longer mapped. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readSegments } from '../../../src/process/ledger.ts';
import { createSegmentWatch, removeUsedSegments } from '../../../src/process/shared-memory.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const memory = `
import mmap, sys
file = open(sys.argv[1], 'r+b')
memory = mmap.mmap(file.fileno(), 0)
file.close()
print('mapped', flush=True)
sys.stdin.read()
`;

const semaphore = `
import _multiprocessing, os, sys
name = '/' + os.path.basename(sys.argv[1]).removeprefix('sem.')
semaphore = _multiprocessing.SemLock(0, 1, 1, name, False)
print('mapped', flush=True)
sys.stdin.read()
`;

function segment(): string {
  const path = `/dev/shm/sglang_loads_${randomUUID().slice(0, 12)}.shm`;
  writeFileSync(path, 'x'.repeat(4_096));
  onTestFinished(() => rmSync(path, { force: true }));
  return path;
}

/** Lives until `end` is called. */
async function mapping(
  path: string,
  program = memory,
): Promise<{ readonly pid: number; end(): Promise<void> }> {
  const child = spawn('python3', ['-c', program, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  await Promise.race([
    once(child.stdout, 'data'),
    gone.then(() => Promise.reject(new Error('python3 has ended'))),
  ]);
  return {
    pid: child.pid ?? 0,
    end: async () => {
      child.stdin.end();
      await gone;
    },
  };
}

test('segments that processes of a run map are recorded once, and removed after the last has exited', async () => {
  const ledger = join(tempFolder(), 'ledger.jsonl');
  const watch = createSegmentWatch(ledger, 'agg-ab12');
  const [mine, foreign] = [segment(), segment()];
  const [ours, child, unowned] = [await mapping(mine), await mapping(mine), await mapping(foreign)];
  for (let look = 0; look < 3; look++) watch([ours]);
  expect(readSegments(ledger)).toMatchObject([{ runId: 'agg-ab12', segment: mine }]);
  await ours.end();
  removeUsedSegments(ledger);
  expect(existsSync(mine)).toBe(true);
  await Promise.all([child.end(), unowned.end()]);
  removeUsedSegments(ledger);
  expect([mine, foreign].map((path) => existsSync(path))).toEqual([false, true]);
});

test('a later segment with the same name is not removed', async () => {
  const ledger = join(tempFolder(), 'ledger.jsonl');
  const path = segment();
  const ours = await mapping(path);
  createSegmentWatch(ledger, 'agg-ab12')([ours]);
  await ours.end();
  rmSync(path);
  writeFileSync(path, 'of somebody else');
  removeUsedSegments(ledger);
  expect(existsSync(path)).toBe(true);
});

test('a semaphore, which is mapped under another name, is recorded as well', async () => {
  const ledger = join(tempFolder(), 'ledger.jsonl');
  const path = `/dev/shm/sem.mp-${randomUUID().slice(0, 8)}`;
  onTestFinished(() => rmSync(path, { force: true }));
  const ours = await mapping(path, semaphore);
  expect(existsSync(path)).toBe(true);
  createSegmentWatch(ledger, 'agg-ab12')([ours]);
  await ours.end();
  removeUsedSegments(ledger);
  expect(existsSync(path)).toBe(false);
});
