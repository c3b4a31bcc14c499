/** GPU memory that no living process accounts for, against how it was before a run. */
import { expect, test } from 'vitest';
import { type GpuLook, residues } from '../../../src/gpu/residue.ts';

/** One GPU that uses so much, and what is listed of living processes. */
const look = (usedMiB: number, ...listedMiB: readonly (number | undefined)[]): GpuLook => ({
  gpus: [{ index: 0, uuid: 'a', name: 'NVIDIA H200', totalMiB: 143_771, usedMiB }],
  apps: listedMiB.map((each, i) => ({
    gpuUuid: 'a',
    pid: i + 1,
    ...(each === undefined ? {} : { usedMiB: each }),
  })),
});
const rest = (before: GpuLook, now: GpuLook) => [...residues(['a'], before, now)];

test('memory of an ended process is residue until the driver frees it', () => {
  expect(rest(look(4), look(8_196))).toEqual([['a', 8_192]]);
  expect(rest(look(4), look(4))).toEqual([]);
});

test('idle memory and memory of other processes are not residue', () => {
  expect(rest(look(615), look(620))).toEqual([]);
  expect(rest(look(4), look(60_014, 60_000))).toEqual([]);
  expect(rest(look(60_014, 60_000), look(4))).toEqual([]);
  expect(rest(look(60_014, 60_000), look(68_206, 60_000))).toEqual([['a', 8_192]]);
});

test('a GPU without an answer or without process memory gives no result', () => {
  expect(rest(look(4), look(8_196, undefined))).toEqual([]);
  expect([...residues(['b'], look(4), look(8_196))]).toEqual([]);
});
