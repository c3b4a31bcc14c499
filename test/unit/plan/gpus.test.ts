/** Placement on GPUs: never one twice, never one that the user did not allow. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DynamoError } from '../../../src/base/error.ts';
import { allowedGpus, placeWorkers } from '../../../src/plan/gpus.ts';
import type { Gpu } from '../../../src/plan/request.ts';
import { seatsOf, type WorkerEntry } from '../../../src/plan/seats.ts';
import { frontend, profileOf, worker } from '../../support/profile.ts';

const gpus = (count: number): Gpu[] =>
  Array.from({ length: count }, (_, index) => ({
    index,
    uuid: `GPU-${String(index).repeat(8)}`,
    name: 'NVIDIA H200',
    totalMiB: 143_771,
    usedMiB: 0,
  }));

function workers(components: Record<string, unknown>): WorkerEntry[] {
  return seatsOf(profileOf({ components: { frontend, ...components } }), {}).filter(
    (seat) => seat.kind === 'worker',
  );
}

const indices = (allowed: readonly Gpu[]): number[] => allowed.map(({ index }) => index);

test('a GPU is never given twice, and each worker gets what it asked for, or all is refused as busy', () => {
  const shape = fc.array(
    fc.record({ gpus: fc.integer({ min: 0, max: 3 }), replicas: fc.integer({ min: 1, max: 3 }) }),
    {
      minLength: 1,
      maxLength: 4,
    },
  );
  fc.assert(
    fc.property(
      shape,
      fc.integer({ min: 0, max: 8 }),
      fc.array(fc.nat(7), { maxLength: 10 }),
      (list, count, named) => {
        const seats = workers(Object.fromEntries(list.map((one, i) => [`w${i}`, worker('aggregated', one)])));
        const there = gpus(count);
        const allowed = allowedGpus(there, undefined, named.filter((index) => index < count).join(','));
        const needed = seats.reduce((sum, { spec }) => sum + spec.gpus, 0);
        if (needed > allowed.length) {
          expect(() => placeWorkers(seats, allowed)).toThrow(expect.objectContaining({ code: 'busy' }));
          return;
        }
        const placed = placeWorkers(seats, allowed);
        const given = [...placed.values()].flat();
        expect(new Set(given).size).toBe(given.length);
        for (const { name, spec } of seats) expect(placed.get(name)).toHaveLength(spec.gpus);
        expect(given.filter((index) => !named.includes(Number(index)))).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
});

test('too few GPUs are refused with what each worker needs', () => {
  let error: unknown;
  try {
    placeWorkers(workers({ prefill: worker('prefill', { gpus: 2 }), decode: worker('decode') }), gpus(2));
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(DynamoError);
  expect(error).toMatchObject({
    code: 'busy',
    exitCode: 75,
    message: 'This needs 3 GPUs and may use 2.',
    details: ['GPUs needed:', '  prefill: 2', '  decode: 1'],
  });
});

test('who shares gets exactly the GPUs of the other, replica by replica', () => {
  const seats = workers({
    // The sharing one stands first: the order in the profile means nothing.
    decode: worker('decode', { replicas: 3, shareGpuWith: 'prefill' }),
    prefill: worker('prefill', { replicas: 2 }),
  });
  expect(Object.fromEntries(placeWorkers(seats, gpus(2)))).toEqual({
    'prefill-1': ['0'],
    'prefill-2': ['1'],
    'decode-1': ['0'],
    'decode-2': ['1'],
    'decode-3': ['0'],
  });
});

test('who shares with one that shares itself lands on the same GPUs', () => {
  const seats = workers({
    a: worker('encode', { shareGpuWith: 'b' }),
    b: worker('decode', { shareGpuWith: 'c' }),
    c: worker('prefill'),
  });
  expect(Object.fromEntries(placeWorkers(seats, gpus(1)))).toEqual({ a: ['0'], b: ['0'], c: ['0'] });
});

test('without a wish all GPUs are allowed', () => {
  expect(indices(allowedGpus(gpus(3), undefined, undefined))).toEqual([0, 1, 2]);
});

test.each([
  ['1', [1]],
  ['2,0', [2, 0]],
  [' 1 , 2 ', [1, 2]],
  ['GPU-11111111', [1]],
  ['GPU-22222222,0', [2, 0]],
  ['', []],
])('CUDA_VISIBLE_DEVICES=%j allows %j', (visible, expected) => {
  expect(indices(allowedGpus(gpus(3), undefined, visible))).toEqual(expected);
});

test('a GPU that is named twice counts once', () => {
  expect(indices(allowedGpus(gpus(2), undefined, '0,0,GPU-00000000'))).toEqual([0]);
  expect(indices(allowedGpus(gpus(2), ['1', '1'], undefined))).toEqual([1]);
});

test('--gpus chooses among the visible ones and never widens them', () => {
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

test('a name that is no GPU is refused with those that are', () => {
  expect(() => allowedGpus(gpus(2), undefined, '0,7')).toThrow(
    expect.objectContaining({
      message: 'CUDA_VISIBLE_DEVICES: there is no GPU "7" here.',
      hint: 'GPUs that can be named: 0 (GPU-00000000), 1 (GPU-11111111)',
    }),
  );
});
