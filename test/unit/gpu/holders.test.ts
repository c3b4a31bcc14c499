/** Which processes use a GPU, from a list that may be empty, wrong, or of another pid namespace. */
import { expect, test } from 'vitest';
import type { ProcessFacts } from '../../../src/base/identity.ts';
import type { ComputeApp } from '../../../src/gpu/nvidia-smi.ts';
import { holdersOf } from '../../../src/gpu/holders.ts';
import type { Gpu } from '../../../src/plan/request.ts';

const gpu = (usedMiB: number): Gpu => ({
  index: 0,
  uuid: 'GPU-1',
  name: 'NVIDIA H200',
  totalMiB: 143_771,
  usedMiB,
});
const app = (pid: number, usedMiB?: number): ComputeApp => ({
  gpuUuid: 'GPU-1',
  pid,
  ...(usedMiB === undefined ? {} : { usedMiB }),
});
const here =
  (...pids: readonly number[]) =>
  (pid: number): ProcessFacts | undefined =>
    pids.includes(pid)
      ? { bootId: 'b', pid, startTime: '1', uid: 0, user: 'root', ageMs: 1, command: `command of ${pid}` }
      : undefined;
const users = (openers: readonly number[], unreadable: readonly number[] = []) => ({
  openers: new Set(openers),
  unreadable: new Set(unreadable),
});

test('a listed process counts, under the name the driver reports', () => {
  const named = { ...app(7, 8_000), name: 'sglang::scheduler' };
  const { holders, unseen } = holdersOf([gpu(8_010)], [named], users([7]), here(7));
  expect(holders).toMatchObject([
    { name: 'sglang::scheduler', memory: [{ gpuUuid: 'GPU-1', usedMiB: 8_000 }], seenBy: 'nvidia-smi' },
  ]);
  expect(unseen).toEqual([]);
});

test('a process with only the device files open counts without memory', () => {
  const { holders } = holdersOf([gpu(0)], [], users([9]), here(9));
  expect(holders).toMatchObject([{ name: 'command of 9', memory: [], seenBy: 'device files' }]);
});

test('a pid that does not exist here is of another pid namespace', () => {
  const { holders, unseen } = holdersOf([gpu(71 * 1024)], [app(28_290, 71 * 1024)], undefined, here());
  expect(holders).toEqual([]);
  expect(unseen).toEqual(['71.0 GiB on GPU 0 is held outside this pid namespace, by pid 28290 there']);
});

test('a pid that is another process here does not count', () => {
  const { holders, unseen } = holdersOf([gpu(4_096)], [app(7, 4_096)], users([]), here(7));
  expect(holders).toEqual([]);
  expect(unseen).toEqual(['4.0 GiB on GPU 0 is held outside this pid namespace, by pid 7 there']);
});

test('a process whose files are not visible counts as the listed one', () => {
  expect(holdersOf([gpu(4_096)], [app(7, 4_096)], users([], [7]), here(7)).holders).toHaveLength(1);
});

test('much memory without a listed process is reported', () => {
  expect(holdersOf([gpu(4_096)], [], undefined, here()).unseen).toEqual([
    expect.stringMatching(/^4\.0 GiB on GPU 0 is held by processes that nvidia-smi does not list here/),
  ]);
  // Memory that a driver keeps on an idle GPU does not count. Source: docs/upstream/memory-and-gpus.md#idle-gpus.
  expect(holdersOf([gpu(615)], [], undefined, here()).unseen).toEqual([]);
  // If the driver does not report memory per process, none can be missing.
  expect(holdersOf([gpu(4_096)], [app(7)], undefined, here(7)).unseen).toEqual([]);
});
