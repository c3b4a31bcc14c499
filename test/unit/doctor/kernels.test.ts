/** D37: sizes and ages of compiled kernels. */
import { expect, test } from 'vitest';
import { kernels } from '../../../src/doctor/checks/kernels.ts';
import { doctorHost } from '../../support/doctor-host.ts';

const root = '/home/user/.cache/dynamo/kernels';
const environment = { HOME: '/home/user' };
const cubin = `${root}/sglang-1.4.2/nvidia-h200/triton/a/kernel.cubin`;
const at = Date.parse('2026-11-29T12:00:00Z');

test('nothing was compiled yet', async () => {
  expect(await kernels.look(doctorHost({ environment }))).toMatchObject({
    status: 'ok',
    evidence: `none yet in ${root}`,
  });
});

test('each cache with its size and when it was last written', async () => {
  const host = doctorHost({
    environment,
    files: { [cubin]: 'x', [`${root}/sglang-1.4.2/cpu/jit/b.so`]: 'x' },
    stats: {
      [cubin]: { sizeBytes: 2_500_000, modifiedMs: at },
      [`${root}/sglang-1.4.2/cpu/jit/b.so`]: { sizeBytes: 500_000, modifiedMs: at - 86_400_000 },
    },
  });
  const found = await kernels.look(host);
  expect(found).toMatchObject({ status: 'ok', evidence: `3.0 MB in ${root}` });
  expect(found.details.toSorted()).toEqual([
    'sglang-1.4.2/cpu: 500 kB in 1 file, last written 2026-11-28',
    'sglang-1.4.2/nvidia-h200: 2.5 MB in 1 file, last written 2026-11-29',
  ]);
});

test('more than 20 GB is worth a look', async () => {
  const host = doctorHost({
    environment,
    files: { [cubin]: 'x' },
    stats: { [cubin]: { sizeBytes: 21e9, modifiedMs: at } },
  });
  expect(await kernels.look(host)).toMatchObject({
    status: 'warn',
    fix: expect.stringContaining('clean --caches'),
  });
});
