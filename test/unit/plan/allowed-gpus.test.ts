/** CUDA_VISIBLE_DEVICES and --gpus: read as in CUDA, and never widened. */
import { expect, test } from 'vitest';
import { allowedGpus, limitText } from '../../../src/plan/gpu-demand.ts';
import type { Gpu } from '../../../src/plan/request.ts';

const gpus = (count: number): Gpu[] =>
  Array.from({ length: count }, (_, index) => ({
    index,
    uuid: `GPU-${String(index).repeat(8)}`,
    name: 'NVIDIA H200',
    totalMiB: 143_771,
    usedMiB: 0,
  }));

const indices = (allowed: readonly Gpu[]): number[] => allowed.map(({ index }) => index);

test('without a restriction, all GPUs are allowed', () => {
  expect(indices(allowedGpus(gpus(3), undefined, undefined))).toEqual([0, 1, 2]);
});

test.each([
  ['1', [1]],
  ['2,0', [2, 0]],
  [' 1 , 2 ', [1, 2]],
  ['GPU-11111111', [1]],
  ['GPU-22222222,0', [2, 0]],
  ['', []],
  ['-1', []],
  ['NoDevFiles', []],
  ['2,-1,0', [2]],
  ['GPU-1', [1]],
])('CUDA_VISIBLE_DEVICES=%j allows %j', (visible, expected) => {
  expect(indices(allowedGpus(gpus(3), undefined, visible))).toEqual(expected);
});

test('a GPU named twice counts once', () => {
  expect(indices(allowedGpus(gpus(2), undefined, '0,0,GPU-00000000'))).toEqual([0]);
  expect(indices(allowedGpus(gpus(2), ['1', '1'], undefined))).toEqual([1]);
});

test('--gpus chooses among the visible GPUs only', () => {
  expect(indices(allowedGpus(gpus(4), ['3'], '1,3'))).toEqual([3]);
  expect(indices(allowedGpus(gpus(4), ['GPU-33333333'], '1,3'))).toEqual([3]);
  for (const [asked, visible] of [
    ['0', '1,3'],
    ['GPU-00000000', '1'],
    ['0', ''],
    ['9', undefined],
  ] as const) {
    expect(() => allowedGpus(gpus(4), [asked], visible)).toThrow(
      expect.objectContaining({ code: 'environment' }),
    );
  }
});

test('an unknown GPU is refused with a list of GPUs', () => {
  expect(() => allowedGpus(gpus(2), undefined, '0,7')).toThrow(
    expect.objectContaining({
      message: 'CUDA_VISIBLE_DEVICES: this host has no GPU "7".',
      hint: 'available GPUs: 0 (GPU-00000000), 1 (GPU-11111111)',
    }),
  );
});

const divided: Gpu[] = [
  { index: 0, name: 'NVIDIA A100', totalMiB: 20_480, usedMiB: 0, uuid: 'MIG-aa11', migOf: 'GPU-00000000' },
  { index: 0, name: 'NVIDIA A100', totalMiB: 20_480, usedMiB: 0, uuid: 'MIG-aa22', migOf: 'GPU-00000000' },
  ...gpus(2).slice(1),
];

const uuids = (visible: string): string[] => allowedGpus(divided, undefined, visible).map(({ uuid }) => uuid);

test('a MIG instance is named by its UUID or a prefix of it', () => {
  expect(uuids('MIG-aa22')).toEqual(['MIG-aa22']);
  expect(uuids('MIG-aa1,1')).toEqual(['MIG-aa11', 'GPU-11111111']);
});

test.each([
  ['0', 'CUDA_VISIBLE_DEVICES: GPU 0 is partitioned (MIG): name its instances by UUID.'],
  ['MIG-aa', 'CUDA_VISIBLE_DEVICES: "MIG-aa" matches the start of 2 UUIDs.'],
  ['GPU-', 'CUDA_VISIBLE_DEVICES: this host has no GPU "GPU-".'],
])('CUDA_VISIBLE_DEVICES=%j is ambiguous', (visible, message) => {
  expect(() => allowedGpus(divided, undefined, visible)).toThrow(expect.objectContaining({ message }));
});

test('describes what limits the choice', () => {
  expect(limitText(undefined, undefined)).toBeUndefined();
  expect(limitText(undefined, '')).toBe('CUDA_VISIBLE_DEVICES=""');
  expect(limitText(['0', '1'], '0,1,2')).toBe('--gpus 0,1');
});

test('UUIDs of Jetson have no prefix, and may be abbreviated', () => {
  const uuid = '54bf1cca-ecba-5aa2-a00a-1c0a3f1b1f8f';
  const orin = gpus(1).map((gpu) => ({ ...gpu, uuid, name: 'Orin (nvgpu)', totalMiB: 0 }));
  for (const name of [uuid, '54bf1cca', '0'])
    expect(indices(allowedGpus(orin, [name], undefined))).toEqual([0]);
  expect(() => allowedGpus(orin, ['ffff'], undefined)).toThrow('no GPU "ffff"');
});
