/** Progress of a start from real files: redrawn bars and a growing cache, but no repetitions. */
import { appendFileSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bytesIn, cachedModel, createLoadWatcher } from '../../../src/run/load-watch.ts';
import { linesSince } from '../../../src/run/log-file.ts';
import { doingText, type LoadProgress } from '../../../src/supervisor/progress.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

const bar = (percent: number): string =>
  `\rmodel.safetensors: ${percent}%|█    | ${percent}M/100M [00:01<00:09, 10.0MB/s]`;

test('a progress bar counts as progress when it moves, not when it is redrawn', async () => {
  const logFile = join(tempFolder(), 'worker.log');
  writeFileSync(logFile, `an earlier life:  90% Completed | 9/10 [00:01<00:01, 1.0s/it]\n`);
  const seen: LoadProgress[] = [];
  const end = createLoadWatcher([{ process: 'worker', logFile }]).watch('worker', (step) => seen.push(step));
  try {
    for (const drawn of [[10], [10, 10, 11], [11, 10, 12]]) {
      for (const percent of drawn) appendFileSync(logFile, bar(percent));
      await until('the bar that was drawn last', () => seen.at(-1)?.percent === drawn.at(-1));
    }
    appendFileSync(logFile, `${bar(12)}\n`);
    appendFileSync(logFile, 'INFO Load weight begin. avail mem=1 GB\n');
    await until('the next step', () => seen.at(-1)?.what === 'weights');
  } finally {
    end();
  }
  expect(seen.map(({ percent, what }) => percent ?? what)).toEqual([10, 11, 12, 'weights']);
});

test('the last percent is progress, even if the rounded bytes stay the same', async () => {
  const logFile = join(tempFolder(), 'worker.log');
  writeFileSync(logFile, '');
  const seen: LoadProgress[] = [];
  const end = createLoadWatcher([{ process: 'worker', logFile }]).watch('worker', (step) => seen.push(step));
  try {
    for (const percent of [99, 100]) {
      appendFileSync(logFile, `\rmodel: ${percent}%|█| 5.00G/5.00G [00:01<00:00, 105MB/s]`);
      await until('the bar', () => seen.at(-1)?.percent === percent);
    }
  } finally {
    end();
  }
});

test('a growing cache is progress with bytes and speed; finished files and links count once', async () => {
  const folder = tempFolder();
  const cache = join(folder, 'models--acme--model');
  const [blobs, snapshot] = [join(cache, 'blobs'), join(cache, 'snapshots', 'aaaa')];
  for (const each of [blobs, snapshot]) mkdirSync(each, { recursive: true });
  const seen: LoadProgress[] = [];
  const watcher = createLoadWatcher([
    { process: 'worker', logFile: join(folder, 'none.log'), modelFolder: cache },
  ]);
  const end = watcher.watch('worker', (step) => seen.push(step));
  try {
    writeFileSync(join(blobs, 'abc.incomplete'), Buffer.alloc(5_000));
    await until('the cache to be seen growing', () => seen.length > 0);
  } finally {
    end();
  }
  expect(seen[0]).toMatchObject({ doing: 'downloading', doneBytes: 5_000 });
  expect(seen[0]?.bytesPerSecond).toBeGreaterThan(0);
  renameSync(join(blobs, 'abc.incomplete'), join(blobs, 'abc'));
  symlinkSync('../../blobs/abc', join(snapshot, 'model.safetensors'));
  expect(bytesIn(cache)).toBe(5_000);
});

test('kernels that are compiled show as files: nothing else tells of them', async () => {
  const folder = join(tempFolder(), 'sglang-1.4.2', 'nvidia-h200');
  const seen: LoadProgress[] = [];
  const watcher = createLoadWatcher([
    { process: 'worker', logFile: join(folder, 'none.log'), kernelFolder: folder },
  ]);
  const compile = (name: string): void => {
    mkdirSync(join(folder, 'triton', name), { recursive: true });
    writeFileSync(join(folder, 'triton', name, 'kernel.cubin'), 'x');
  };
  const end = watcher.watch('worker', (step) => seen.push(step));
  try {
    // Every start writes such files, also one that compiles nothing.
    mkdirSync(join(folder, 'inductor'), { recursive: true });
    writeFileSync(join(folder, 'flashinfer_jit.log'), 'x');
    compile('a');
    await until('the first kernel to be seen', () => seen.length > 0);
    compile('b');
    await until('the second kernel to be seen', () => seen.length > 1);
  } finally {
    end();
  }
  expect(seen.map(doingText)).toEqual([
    'compiling: kernels, first time on this GPU (1 file)',
    'compiling: kernels, first time on this GPU (2 files)',
  ]);
  const again: LoadProgress[] = [];
  const endAgain = watcher.watch('worker', (step) => again.push(step));
  try {
    compile('c');
    await until('the third kernel to be seen', () => again.length > 0);
  } finally {
    endAgain();
  }
  expect(again.map(doingText)).toEqual(['compiling: kernels (1 file)']);
});

test('the cache location follows the variables of huggingface_hub; a local folder has none', () => {
  expect(cachedModel('acme/model', { HF_HUB_CACHE: '/c' })).toBe('/c/models--acme--model');
  expect(cachedModel('acme/model', { HF_HOME: '/h' })).toBe('/h/hub/models--acme--model');
  expect(cachedModel('gpt2', { HOME: '/u' })).toBe('/u/.cache/huggingface/hub/models--gpt2');
  for (const local of ['/models/x', './x', '../x', 'a/b/c']) expect(cachedModel(local, {})).toBeUndefined();
});

test('the log of one process is read from its start, if it is long only its last lines', () => {
  const file = join(tempFolder(), 'worker.log');
  writeFileSync(file, 'first life\n');
  appendFileSync(file, 'second life\nno end');
  expect(linesSince(file, 11, 1_000)).toEqual(['second life', 'no end']);
  expect(linesSince(file, 0, 6)).toEqual(['no end']);
  // It was rotated meanwhile.
  expect(linesSince(file, 1_000_000, 1_000)).toEqual(['first life', 'second life', 'no end']);
  expect(linesSince(`${file}.none`, 0, 10)).toEqual([]);
});
