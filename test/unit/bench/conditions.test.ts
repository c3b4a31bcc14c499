import { expect, test } from 'vitest';
import { checkBaseline, checkConditions, parseCondition, parseSlo } from '../../../src/bench/conditions.ts';
import { figuresOf } from '../../../src/bench/figures.ts';
import { parseResult } from '../../../src/bench/result.ts';
import { whyWithheld } from '../../../src/bench/generator.ts';
import { arm, quiet, result, round } from './result.ts';

const three = (ttftMs: number, more: object = {}) =>
  [1, 2, 3].map((n) => round(n, { ttftMs: ttftMs + n / 100, itlMs: 10, ...more }));
const outcomes = (text: string, of = result([arm('A', three(200))])): string[] =>
  checkConditions([parseCondition(text)], of).map(({ outcome }) => outcome);

test('conditions hold or do not, with units', () => {
  expect(outcomes('ttft.p95 > 300ms')).toEqual(['passed']);
  expect(outcomes('ttft.p95 > 0.1s')).toEqual(['failed']);
  expect(outcomes('ttft.p95>=100ms')).toEqual(['failed']);
  expect(outcomes('itl.p99 > 10.5 ms')).toEqual(['passed']);
  expect(outcomes('tokens-per-second < 1')).toEqual(['passed']);
  expect(outcomes('tokens-per-second < 100000')).toEqual(['failed']);
  expect(outcomes('errors > 0')).toEqual(['passed']);
  expect(outcomes('ttft.p50 > 1ms @16')).toEqual(['failed']);
});

test('one round with errors is enough', () => {
  const rounds = [...three(200).slice(0, 2), round(3, { ttftMs: 200, itlMs: 10, errors: 6 })];
  const seen = result([arm('A', rounds)]);
  expect(outcomes('errors > 0', seen)).toEqual(['failed']);
  expect(outcomes('errors > 4%', seen)).toEqual(['failed']);
  expect(outcomes('errors > 5%', seen)).toEqual(['passed']);
});

test('what was not measured fails', () => {
  expect(outcomes('ttft.p50 > 1s @8')).toEqual(['failed']);
  expect(outcomes('ttft.p50 > 1s', result([arm('A', [])]))).toEqual(['failed']);
  expect(outcomes('goodput < 1')).toEqual(['failed']);
});

test('a check says what was seen, and how much it varied', () => {
  const [check] = checkConditions([parseCondition('ttft.p50 > 100ms')], result([arm('A', three(200))]));
  expect(check?.text).toBe(
    'agg at concurrency 16: ttft.p50 is 200 ms (200 ms to 200 ms in 3 rounds), which is > 100 ms',
  );
});

test.each([
  ['ttft > 300ms', 'did you mean ttft.p50?'],
  ['ttft.p96 > 300ms', 'did you mean ttft.p9'],
  ['ttft.p95 > 300', 'needs a unit'],
  ['tokens-per-gpu < 30ms', 'has no unit'],
  ['tokens-per-gpu < 30%', 'is not a share'],
  ['errors', 'expected METRIC > LIMIT'],
])('%s is refused', (text, why) => {
  let seen: unknown;
  try {
    parseCondition(text);
  } catch (error) {
    seen = error;
  }
  expect(seen).toMatchObject({ code: 'usage' });
  const { message, hint } = seen as { message: string; hint: string };
  expect(`${message} ${hint}`).toContain(why);
});

test('limits of goodput', () => {
  const slo = parseSlo('ttft=200ms, itl=0.02s');
  expect(slo).toEqual({ ttftMs: 200, itlMs: 20 });
  expect(() => parseSlo('ttft=200')).toThrow('expected a limit such as ttft=200ms');
  const answer = {
    ok: true as const,
    sentMs: 0,
    lastMs: 1_000,
    promptTokens: 1,
    cachedTokens: 0,
    completionTokens: 11,
    asked: { isl: 1, osl: 11 },
  };
  const exchanges = [
    { ...answer, firstMs: 900 },
    { ...answer, firstMs: 150 },
    { ...answer, firstMs: 150, lastMs: 300 },
  ];
  const figures = figuresOf({ exchanges, gapsMs: [], own: quiet }, 1, slo);
  expect(figures.good).toBeCloseTo(1 / 3, 9);
  expect(figures.goodput).toBe(1);
});

test('a baseline: better and within the tolerance pass, clearly worse fails, noisy is inconclusive', () => {
  const before = result([arm('A', three(200))]);
  const against = (rounds: ReturnType<typeof three>): string[] =>
    checkBaseline(result([arm('A', rounds)]), before, 0.1)
      .filter(({ name }) => name.includes('ttft.p50'))
      .map(({ outcome }) => outcome);
  expect(against(three(150))).toEqual(['passed']);
  expect(against(three(215))).toEqual(['passed']);
  expect(against(three(260))).toEqual(['failed']);
  expect(
    against([
      round(1, { ttftMs: 260, itlMs: 10 }),
      round(2, { ttftMs: 180, itlMs: 10 }),
      round(3, { ttftMs: 240, itlMs: 10 }),
    ]),
  ).toEqual(['inconclusive']);
});

test('a baseline of another load or of other arms is refused', () => {
  const now = result([arm('A', three(200))]);
  expect(() => checkBaseline(now, { ...now, load: { ...now.load, isl: { low: 5, high: 5 } } }, 0.1)).toThrow(
    'measured with another isl',
  );
  expect(() => checkBaseline(now, result([arm('B', three(200))]), 0.1)).toThrow('no arm and point');
  expect(() => checkBaseline(now, { ...now, simulated: false }, 0.1)).toThrow('simulated');
});

test.each([
  ['{', 'it is not JSON'],
  ['{"suites": []}', 'it is not a result of dynamo bench'],
  [JSON.stringify({ ...result([]), version: 9 }), 'it has version 9'],
])('a baseline %s is refused', (text, why) => {
  expect(() => parseResult(text, 'b.json')).toThrow(`--baseline b.json: ${why}`);
});

test('figures are withheld when the generator was the bottleneck', () => {
  expect(whyWithheld(quiet, 20)).toBeUndefined();
  expect(whyWithheld({ ...quiet, busy: 0.85 }, 20)).toContain('busy for 85 %');
  expect(whyWithheld({ ...quiet, lagP99Ms: 60 }, 80)).toContain('60 ms late');
  expect(whyWithheld({ ...quiet, lagP99Ms: 60 }, 500)).toBeUndefined();
  expect(whyWithheld({ ...quiet, lateP99Ms: 90 }, 100)).toContain('90 ms late');
});
