/** Placement on GPUs: none twice, and none that the user did not allow. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DynamoError } from '../../../src/base/error.ts';
import { allowedGpus, type GpuOffer } from '../../../src/plan/gpu-demand.ts';
import { placeWorkers } from '../../../src/plan/gpus.ts';
import type { Gpu } from '../../../src/plan/request.ts';
import { replicasOf, type WorkerEntry } from '../../../src/plan/replicas.ts';
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
  return replicasOf(profileOf({ components: { frontend, ...components } }), {}).filter(
    (replica) => replica.kind === 'worker',
  );
}

test('a GPU is never assigned twice; each worker gets what it needs, or the plan is refused', () => {
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
        const replicas = workers(
          Object.fromEntries(list.map((one, i) => [`w${i}`, worker('aggregated', one)])),
        );
        const there = gpus(count);
        const allowed = allowedGpus(there, undefined, named.filter((index) => index < count).join(','));
        const needed = replicas.reduce((sum, { spec }) => sum + spec.gpus, 0);
        if (needed > allowed.length) {
          expect(() => placeWorkers(replicas, { gpus: allowed })).toThrow(
            expect.objectContaining({ code: 'busy' }),
          );
          return;
        }
        const placed = placeWorkers(replicas, { gpus: allowed }).devices;
        const given = [...placed.values()].flat();
        expect(new Set(given).size).toBe(given.length);
        for (const { name, spec } of replicas) expect(placed.get(name)).toHaveLength(spec.gpus);
        expect(given.filter((index) => !named.includes(Number(index)))).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
});

test('too few GPUs are refused with what each worker needs', () => {
  let error: unknown;
  try {
    placeWorkers(workers({ prefill: worker('prefill', { gpus: 2 }), decode: worker('decode') }), {
      gpus: gpus(2),
    });
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(DynamoError);
  expect(error).toMatchObject({
    code: 'busy',
    exitCode: 75,
    message: 'Needs 3 GPUs, but only 2 are allowed.',
    details: [
      'GPUs needed:',
      '  prefill: 2',
      '  decode: 1',
      'Allowed GPUs:',
      '  GPU 0 (NVIDIA H200): 140.4 GiB of 140.4 GiB free',
      '  GPU 1 (NVIDIA H200): 140.4 GiB of 140.4 GiB free',
    ],
  });
});

test('a sharing worker gets exactly the GPUs of the other, replica by replica', () => {
  const replicas = workers({
    // The sharing worker comes first: the order in the profile has no meaning.
    decode: worker('decode', { replicas: 3, shareGpuWith: 'prefill' }),
    prefill: worker('prefill', { replicas: 2 }),
  });
  expect(Object.fromEntries(placeWorkers(replicas, { gpus: gpus(2) }).devices)).toEqual({
    'prefill-1': ['0'],
    'prefill-2': ['1'],
    'decode-1': ['0'],
    'decode-2': ['1'],
    'decode-3': ['0'],
  });
});

test('sharing with a worker that shares itself gives the same GPUs', () => {
  const replicas = workers({
    a: worker('encode', { shareGpuWith: 'b' }),
    b: worker('decode', { shareGpuWith: 'c' }),
    c: worker('prefill'),
  });
  expect(Object.fromEntries(placeWorkers(replicas, { gpus: gpus(1) }).devices)).toEqual({
    a: ['0'],
    b: ['0'],
    c: ['0'],
  });
});

const missing = (): never => {
  throw new Error('no GPU');
};

const withFree = (...gib: readonly number[]): Gpu[] =>
  gpus(gib.length).map((gpu, i) => ({ ...gpu, freeMiB: (gib[i] ?? 0) * 1024 }));

const refusalOf = (replicas: readonly WorkerEntry[], offer: GpuOffer): unknown => {
  try {
    return placeWorkers(replicas, offer);
  } catch (error) {
    return error;
  }
};

test('a placement is found if one exists, with enough memory on every GPU', () => {
  const wish = fc.record({ gpus: fc.integer({ min: 0, max: 2 }), gib: fc.integer({ min: 1, max: 8 }) });
  fc.assert(
    fc.property(
      fc.array(wish, { minLength: 1, maxLength: 3 }),
      fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 5 }),
      (wishes, free) => {
        const replicas = workers(
          Object.fromEntries(
            // The hint is for all GPUs of a worker together.
            wishes.map(({ gpus: count, gib }, i) => [
              `w${i}`,
              worker('aggregated', { gpus: count, gpuMemoryGiB: gib * Math.max(1, count) }),
            ]),
          ),
        );
        const demands = wishes.flatMap(({ gpus: count, gib }) => Array.from({ length: count }, () => gib));
        const [most, best] = [demands.toSorted((a, b) => b - a), free.toSorted((a, b) => b - a)];
        // One demand per GPU: it fits exactly if the largest fit on the GPUs with most free memory.
        const fits = most.every((gib, i) => gib <= (best[i] ?? -1));
        const offer = { gpus: withFree(...free) };
        if (!fits) {
          expect(refusalOf(replicas, offer)).toMatchObject({ code: 'busy' });
          return;
        }
        const { devices } = placeWorkers(replicas, offer);
        const given = [...devices.values()].flat();
        expect(new Set(given).size).toBe(given.length);
        for (const [i, { gpus: count, gib }] of wishes.entries()) {
          const mine = devices.get(`w${i}`) ?? [];
          expect(mine).toHaveLength(count);
          for (const index of mine) expect(free[Number(index)]).toBeGreaterThanOrEqual(gib);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('small workers leave the largest GPU to those that need it', () => {
  const replicas = workers({
    small: worker('prefill', { gpuMemoryGiB: 1 }),
    large: worker('decode', { gpuMemoryGiB: 8 }),
  });
  expect(Object.fromEntries(placeWorkers(replicas, { gpus: withFree(9, 2) }).devices)).toEqual({
    small: ['1'],
    large: ['0'],
  });
});

test('workers that share a GPU need enough memory together', () => {
  const replicas = workers({
    prefill: worker('prefill', { gpuMemoryGiB: 6.5 }),
    decode: worker('decode', { gpuMemoryGiB: 6.5, shareGpuWith: 'prefill' }),
  });
  expect(placeWorkers(replicas, { gpus: withFree(12, 13) }).devices.get('decode')).toEqual(['1']);
  expect(refusalOf(replicas, { gpus: withFree(12) })).toMatchObject({
    message: 'Needs 1 GPU, but only 0 of the 1 allowed have enough free memory.',
    details: expect.arrayContaining([
      '  prefill: 1, each with 13.0 GiB free: 2 workers: the hint in the profile',
      '  decode: shares with prefill',
    ]),
  });
});

test('model weights take precedence over the hint, divided by the GPUs of a worker', () => {
  const replicas = workers({ worker: worker('aggregated', { gpus: 2, gpuMemoryGiB: 4 }) });
  const weightsMiB = 40 * 1024;
  expect(refusalOf(replicas, { gpus: withFree(21, 30), weightsMiB })).toMatchObject({
    details: expect.arrayContaining([
      '  worker: 2, each with 22.0 GiB free: 40.0 GiB of weights on 2 GPUs, plus 2 GiB',
    ]),
  });
  expect(placeWorkers(replicas, { gpus: withFree(22, 22), weightsMiB }).devices.get('worker')).toEqual([
    '0',
    '1',
  ]);
});

test('idle GPUs are used first', () => {
  const [busy = missing(), idle = missing()] = gpus(2);
  const replicas = workers({ worker: worker('aggregated') });
  const offered = [{ ...busy, usedMiB: 60_000 }, idle];
  expect(placeWorkers(replicas, { gpus: offered }).devices.get('worker')).toEqual(['1']);
});

test('a GPU of another run is never assigned, and the error names the run and processes', () => {
  const [first = missing(), second = missing()] = gpus(2);
  const replicas = workers({ worker: worker('aggregated') });
  const leased = { ...first, leasedBy: 'disagg-ab12' };
  expect(placeWorkers(replicas, { gpus: [leased, second] }).devices.get('worker')).toEqual(['1']);
  const held = {
    ...second,
    freeMiB: 900,
    heldBy: ['139.0 GiB by pid 4321 (alice, sglang::scheduler, for 3 h 0 min)'],
  };
  const hungry = workers({ worker: worker('aggregated', { gpuMemoryGiB: 4 }) });
  expect(refusalOf(hungry, { gpus: [leased, held], limit: '--gpus 0,1' })).toMatchObject({
    message: 'Needs 1 GPU, but only 0 of the 2 allowed (--gpus 0,1) have enough free memory.',
    details: [
      'GPUs needed:',
      '  worker: 1, each with 4.0 GiB free: the hint in the profile',
      'Allowed GPUs:',
      '  GPU 0 (NVIDIA H200): 140.4 GiB of 140.4 GiB free, leased by run disagg-ab12',
      '  GPU 1 (NVIDIA H200): 0.9 GiB of 140.4 GiB free',
      '    139.0 GiB by pid 4321 (alice, sglang::scheduler, for 3 h 0 min)',
    ],
    hint: 'dynamo down disagg-ab12   # frees its GPUs',
  });
  expect(refusalOf(hungry, { gpus: [held] })).toMatchObject({
    hint: expect.stringContaining('dynamo clean'),
  });
});

test('a GPU with unknown memory is used', () => {
  const [one = missing()] = gpus(1);
  const replicas = workers({ worker: worker('aggregated', { gpuMemoryGiB: 400 }) });
  expect(placeWorkers(replicas, { gpus: [{ ...one, totalMiB: 0 }] }).devices.get('worker')).toEqual(['0']);
});

test('a MIG instance is assigned by its UUID, and every choice has a reason', () => {
  const [one = missing()] = gpus(1);
  const instance = { ...one, uuid: 'MIG-aa', migOf: 'GPU-0', totalMiB: 20_480 };
  const placed = placeWorkers(workers({ worker: worker('aggregated', { gpuMemoryGiB: 4 }) }), {
    gpus: [instance],
  });
  expect(placed.devices.get('worker')).toEqual(['MIG-aa']);
  expect(placed.uuids).toEqual(['MIG-aa']);
  expect(placed.choices).toEqual([
    {
      what: 'gpu',
      value: 'MIG-aa',
      because: 'worker: needs 4.0 GiB (the hint in the profile), 20.0 GiB free',
    },
  ]);
});

test('an error says impossible only if freeing GPUs would not help', () => {
  const two = workers({ a: worker('prefill'), b: worker('decode') });
  const refusal = (there: readonly Gpu[]): unknown => {
    try {
      return placeWorkers(two, { gpus: there });
    } catch (error) {
      return error instanceof DynamoError ? error.impossible : error;
    }
  };
  expect(refusal(gpus(1))).toBe(true);
  expect(refusal(gpus(2).map((gpu) => ({ ...gpu, leasedBy: 'other-abcd' })))).toBe(false);
  const big = workers({ a: worker('aggregated', { gpuMemoryGiB: 100 }) });
  const sized = (totalMiB: number, usedMiB: number): boolean => {
    try {
      placeWorkers(big, { gpus: gpus(1).map((gpu) => ({ ...gpu, totalMiB, usedMiB })) });
    } catch (error) {
      return error instanceof DynamoError && error.impossible;
    }
    throw new Error('it fits');
  };
  expect(sized(81_559, 0)).toBe(true);
  expect(sized(143_771, 90_000)).toBe(false);
});

test('a worker on several GPUs gets whole GPUs only, or an error with the reason; one on a single GPU may get an instance', () => {
  const [one = missing(), two = missing(), three = missing()] = gpus(3);
  const instances = ['MIG-aa', 'MIG-bb'].map((uuid) => ({ ...one, uuid, migOf: one.uuid, totalMiB: 20_480 }));
  const pair = worker('aggregated', { gpus: 2, gpuMemoryGiB: 4 });
  const mixed = [...instances, two, three];
  expect(placeWorkers(workers({ pair }), { gpus: mixed }).devices.get('pair')).toEqual(['1', '2']);
  const both = workers({ single: worker('aggregated', { gpuMemoryGiB: 4 }), pair });
  expect(placeWorkers(both, { gpus: mixed }).devices).toEqual(
    new Map([
      ['single', ['MIG-aa']],
      ['pair', ['1', '2']],
    ]),
  );
  expect(placeWorkers(both, { gpus: [two, three, ...instances] }).devices.get('pair')).toEqual(['1', '2']);
  const refused = () => placeWorkers(workers({ pair }), { gpus: [...instances, two] });
  expect(refused).toThrow('Needs 2 GPUs, but only 1 of the 3 allowed has enough free memory.');
  expect(refused).toThrow(
    expect.objectContaining({
      details: expect.arrayContaining([
        '  pair: 2, each with 2.0 GiB free: the hint in the profile; whole GPUs only, since a process cannot use several MIG instances',
      ]),
    }),
  );
});
