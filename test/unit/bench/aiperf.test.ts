/** What AIPerf is given, and how its records of 0.13.0 are read: recorded on the mocker, and on sim for an unknown model. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { aiperfInput, aiperfMeasured, aiperfWords } from '../../../src/bench/aiperf.ts';
import { figuresOf } from '../../../src/bench/figures.ts';
import { oneTokenAWord, type Load } from '../../../src/bench/workload.ts';

const load: Load = {
  points: [
    { kind: 'concurrency', value: 4 },
    { kind: 'rate', value: 10 },
  ],
  isl: { low: 16, high: 16 },
  osl: { low: 20, high: 20 },
  prefixShare: 0,
  prefixes: 1,
  trace: [],
  requests: 3,
  durationMs: undefined,
  seed: 1,
};
const work = (point: number) => ({
  target: { url: 'http://127.0.0.1:8000', model: 'm' },
  load,
  place: { round: 1, point },
  fit: oneTokenAWord,
  fullLength: true,
  requestTimeoutMs: 5_000,
});

const lines = (point: number) =>
  aiperfInput(work(point))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('it gets our requests word for word, and in an open loop also their times', () => {
  expect(lines(0)).toHaveLength(3);
  expect(lines(0)[0]).toMatchObject({
    payload: { model: 'm', max_tokens: 20, min_tokens: 20, ignore_eos: true, stream: true },
  });
  expect(lines(0)[0]).not.toHaveProperty('timestamp');
  const times = lines(1).map(({ timestamp }) => timestamp as number);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times[0]).toBeGreaterThan(0);
});

test('its arguments: a closed loop by concurrency, an open one by the schedule', () => {
  const files = { input: 'i', output: 'o', tokenizer: 't' };
  const closed = aiperfWords(work(0), files).join(' ');
  expect(closed).toContain('--concurrency 4 --request-count 3');
  expect(closed).toContain('--no-fixed-schedule');
  const open = aiperfWords(work(1), files).join(' ');
  expect(open).not.toContain('--concurrency');
  expect(open).toMatch(/ --fixed-schedule /);
});

test('its records become the same figures as our own', () => {
  const text = readFileSync(new URL('../../fixtures/bench/aiperf-0.13.0.jsonl', import.meta.url), 'utf8');
  const planned = [{ isl: 16, osl: 20, parts: [] }];
  const measured = aiperfMeasured(text, planned);
  const [first] = measured.exchanges;
  expect(first).toMatchObject({
    ok: true,
    sentMs: 0,
    firstMs: 85.482489,
    promptTokens: 16,
    completionTokens: 20,
    asked: { isl: 16, osl: 20 },
  });
  const figures = figuresOf(measured, 1, undefined);
  expect(figures).toMatchObject({ answered: 2, errors: 1, errorKinds: { 'HTTP 404: Model not found': 1 } });
  expect(measured.exchanges[1]?.sentMs).toBeCloseTo(19.7656, 3);
  expect(first?.ok === true ? (first.lastMs - first.firstMs) / 19 : 0).toBeCloseTo(5.644402894736842, 9);
});

test('a record that cannot be read is an error of its request', () => {
  expect(aiperfMeasured('{"metadata": {}, "metr', []).exchanges).toMatchObject([
    { ok: false, why: 'a record of AIPerf that is not JSON' },
  ]);
});
