import { expect, test } from 'vitest';
import { distributionOf, intervalOf, medianOf, ratioOf } from '../../../src/bench/statistics.ts';

test('percentiles are linear between the nearest values, as in numpy', () => {
  // numpy.percentile([15, 20, 35, 40, 50], [50, 90, 95, 99])
  expect(distributionOf([35, 15, 50, 20, 40])).toEqual({
    count: 5,
    mean: 32,
    min: 15,
    p50: 35,
    p90: 46,
    p95: expect.closeTo(48, 9) as number,
    p99: expect.closeTo(49.6, 9) as number,
    max: 50,
  });
  expect(distributionOf([7])).toMatchObject({ p50: 7, p99: 7 });
  expect(distributionOf([])).toBeUndefined();
  expect(medianOf([1, 9, 2, 4])).toBe(3);
});

test('the interval of a mean is that of Student', () => {
  // scipy.stats.t.interval(0.95, 2, loc=2, scale=1/sqrt(3))
  const interval = intervalOf([1, 2, 3]);
  expect(interval?.low).toBeCloseTo(-0.484, 3);
  expect(interval?.high).toBeCloseTo(4.484, 3);
  expect(intervalOf([1])).toBeUndefined();
});

test('a ratio is that of the pairs: what slows a whole round does not widen it', () => {
  const ratio = ratioOf([
    [20, 10],
    [40, 20],
    [80, 40],
  ]);
  expect(ratio?.ratio).toBeCloseTo(2, 9);
  expect(ratio?.low).toBeCloseTo(2, 9);
  expect(ratio?.high).toBeCloseTo(2, 9);
});

test('two pairs, or a value of zero, give no ratio', () => {
  expect(
    ratioOf([
      [2, 1],
      [2, 1],
    ]),
  ).toBeUndefined();
  expect(
    ratioOf([
      [2, 1],
      [2, 1],
      [0, 1],
    ]),
  ).toBeUndefined();
});

test('the interval holds the true ratio in 95 of 100 benchmarks', () => {
  let state = 7;
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const normal = (): number => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  const held = Array.from({ length: 4_000 }, () => {
    const pairs = Array.from({ length: 3 }, (): [number, number] => [
      1.3 * Math.exp(0.1 * normal()),
      Math.exp(0.1 * normal()),
    ]);
    const ratio = ratioOf(pairs);
    return ratio !== undefined && ratio.low <= 1.3 && 1.3 <= ratio.high;
  }).filter(Boolean).length;
  expect(held / 4_000).toBeGreaterThan(0.935);
  expect(held / 4_000).toBeLessThan(0.965);
});
