/** GPU memory of ended processes: waited for until it is free, and seen where nobody accounts for it. */
import { expect, test } from 'vitest';
import { type GpuSnapshot, residues, untilFreed } from '../../../src/gpu/freed.ts';
import type { Gpu } from '../../../src/plan/request.ts';

const gpu = (uuid: string, usedMiB: number): Gpu => ({
  index: 0,
  uuid,
  name: 'NVIDIA H200',
  totalMiB: 143_771,
  usedMiB,
});

/** Time passes only in sleeps. */
function instantClock() {
  let at = 0;
  return {
    now: () => at,
    sleep: async (ms: number): Promise<void> => {
      at += ms;
      await Promise.resolve();
    },
  };
}

/** Returns the answers in order, and then the last one forever. */
function answers(...looks: readonly (readonly Gpu[])[]): () => Promise<readonly Gpu[]> {
  let next = 0;
  return async () => await Promise.resolve(looks[Math.min(next++, looks.length - 1)] ?? []);
}

test('waits for memory that is freed gradually; an idle GPU does not read 0', async () => {
  const look = answers([gpu('a', 8_800)], [gpu('a', 3_000)], [gpu('a', 620)]);
  const freed = await untilFreed([gpu('a', 8_800)], new Map([['a', 8_192]]), look, {
    limitMs: 30_000,
    clock: instantClock(),
  });
  expect(freed).toEqual({ freedMiB: 8_180, missing: new Map() });
});

test('does not wait for memory of unowned processes', async () => {
  const freed = await untilFreed([gpu('a', 70_000)], new Map([['a', 8_000]]), answers([gpu('a', 62_000)]), {
    limitMs: 0,
    clock: instantClock(),
  });
  expect(freed).toEqual({ freedMiB: 8_000, missing: new Map() });
});

test('memory that is not freed is reported after the limit, per GPU', async () => {
  const before = [gpu('a', 8_000), gpu('b', 9_000)];
  const held = new Map([
    ['a', 8_000],
    ['b', 9_000],
  ]);
  const clock = instantClock();
  const freed = await untilFreed(before, held, answers([gpu('a', 0), gpu('b', 9_000)]), {
    limitMs: 30_000,
    clock,
  });
  expect(freed).toEqual({ freedMiB: 8_000, missing: new Map([['b', 9_000]]) });
  expect(clock.now()).toBeGreaterThanOrEqual(30_000);
});

test('a missing answer does not count as freed memory', async () => {
  const look = answers([], [gpu('a', 8_000)], [], [gpu('a', 0)]);
  const freed = await untilFreed([gpu('a', 8_000)], new Map([['a', 8_000]]), look, {
    limitMs: 30_000,
    clock: instantClock(),
  });
  expect(freed).toEqual({ freedMiB: 8_000, missing: new Map() });
});

/** One GPU with this much memory in use, and its listed living processes. */
const look = (usedMiB: number, ...listedMiB: readonly (number | undefined)[]): GpuSnapshot => ({
  gpus: [{ index: 0, uuid: 'a', name: 'NVIDIA H200', totalMiB: 143_771, usedMiB }],
  apps: listedMiB.map((each, i) => ({
    gpuUuid: 'a',
    pid: i + 1,
    ...(each === undefined ? {} : { usedMiB: each }),
  })),
});
const rest = (before: GpuSnapshot, now: GpuSnapshot) => [...residues(['a'], before, now)];

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
