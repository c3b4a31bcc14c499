import { expect, test } from 'vitest';
import { parseTrace } from '../../../src/bench/trace.ts';
import {
  fitTokens,
  type Load,
  oneTokenAWord,
  plannedRequests,
  type PlannedRequest,
  promptText,
  requestCount,
  warmUpRequests,
} from '../../../src/bench/workload.ts';

const load: Load = {
  points: [
    { kind: 'concurrency', value: 4 },
    { kind: 'rate', value: 50 },
  ],
  isl: { low: 100, high: 100 },
  osl: { low: 20, high: 20 },
  prefixShare: 0,
  prefixes: 1,
  trace: [],
  requests: undefined,
  durationMs: undefined,
  seed: 1,
};

const texts = (requests: Iterable<PlannedRequest>): string[] =>
  [...requests].map((each) => promptText(each, oneTokenAWord));
const of = (place: { round: number; point: number }, more: Partial<Load> = {}): PlannedRequest[] => [
  ...plannedRequests({ ...load, ...more }, place),
];

test('the same seed gives the same requests; another round, point or seed gives others', () => {
  const first = texts(of({ round: 1, point: 0 }));
  expect(texts(of({ round: 1, point: 0 }))).toEqual(first);
  for (const other of [
    texts(of({ round: 2, point: 0 })),
    texts(of({ round: 1, point: 1 })),
    texts(of({ round: 1, point: 0 }, { seed: 2 })),
    texts(warmUpRequests(load, { round: 1, point: 0 }, 40)),
  ])
    expect(other.filter((text) => first.includes(text))).toEqual([]);
  expect(new Set(first).size).toBe(first.length);
});

const count = (value: number, more: Partial<Load> = {}): number | undefined =>
  requestCount({ ...load, ...more }, { kind: 'concurrency', value });

test('a point has ten requests per user and at least thirty, or as many as asked for', () => {
  expect([count(1), count(4), count(16)]).toEqual([30, 40, 160]);
  expect(count(16, { requests: 5 })).toBe(5);
  expect(count(16, { durationMs: 1000 })).toBeUndefined();
});

test('lengths are spread evenly over their range', () => {
  const requests = of(
    { round: 1, point: 0 },
    { isl: { low: 50, high: 149 }, osl: { low: 1, high: 3 }, requests: 2_000 },
  );
  const isl = requests.map((each) => each.isl);
  expect(Math.min(...isl)).toBe(50);
  expect(Math.max(...isl)).toBe(149);
  expect(isl.reduce((sum, each) => sum + each, 0) / 2_000).toBeCloseTo(99.5, -0.5);
  expect(new Set(requests.map(({ osl }) => osl))).toEqual(new Set([1, 2, 3]));
});

test('arrivals of an open loop are random with the rate asked for', () => {
  const at = of({ round: 1, point: 1 }, { requests: 5_000 }).map(({ atMs }) => atMs ?? 0);
  const gaps = at.map((each, i) => each - (at[i - 1] ?? 0));
  const mean = gaps.reduce((sum, each) => sum + each, 0) / gaps.length;
  expect(mean).toBeGreaterThan(19);
  expect(mean).toBeLessThan(21);
  // Of an exponential distribution, 63 % lie below the mean.
  expect(gaps.filter((gap) => gap < mean).length / gaps.length).toBeCloseTo(0.63, 1);
});

test('a shared part is at the beginning, the same in every round, and of as many kinds as asked for', () => {
  const shared = { prefixShare: 0.6, requests: 40 };
  const beginnings = (round: number, more: object = {}): Set<string> =>
    new Set(
      texts(of({ round, point: 0 }, { ...shared, ...more })).map((text) =>
        text.split(' ').slice(0, 60).join(' '),
      ),
    );
  expect(beginnings(1).size).toBe(1);
  expect(beginnings(2)).toEqual(beginnings(1));
  expect(beginnings(1, { prefixes: 3 }).size).toBe(3);
  expect(new Set(texts(of({ round: 1, point: 0 }, shared))).size).toBe(40);
  expect(beginnings(1, { prefixShare: 0.5 }).size).toBe(40);
});

/** A template of 8 tokens, and 1.25 tokens a word. */
const tokens = (text: string): number => 8 + 1.25 * text.split(' ').length;

test('prompts are as long as the server counts, template included', () => {
  const fit = fitTokens([16, tokens('a '.repeat(16).trim())], [400, tokens('a '.repeat(400).trim())]);
  for (const isl of [20, 100, 1_001]) {
    const [request] = of({ round: 1, point: 0 }, { isl: { low: isl, high: isl }, prefixShare: 0.3 });
    const text = request === undefined ? '' : promptText(request, fit);
    expect(Math.abs(tokens(text) - isl)).toBeLessThanOrEqual(1);
  }
});

test('a trace keeps arrivals, lengths and shared blocks', () => {
  const lines = [
    '{"timestamp": 5000, "input_length": 1030, "output_length": 7, "hash_ids": [1, 2, 9]}',
    '{"timestamp": 4000, "input_length": 1024, "output_length": 5, "hash_ids": [1, 2]}',
  ];
  const trace = parseTrace(`${lines.join('\n')}\n`, 't.jsonl');
  const requests = of({ round: 1, point: 0 }, { points: [{ kind: 'trace' }], trace });
  expect(requests.map(({ atMs, isl, osl }) => [atMs, isl, osl])).toEqual([
    [0, 1024, 5],
    [1000, 1030, 7],
  ]);
  const [first = '', second = ''] = texts(requests);
  expect(first.split(' ')).toHaveLength(1024);
  expect(second.startsWith(`${first} `)).toBe(true);
});

test.each([
  ['{', 'it is not JSON'],
  ['{"timestamp": 0, "input_length": 0, "output_length": 5}', 'input_length is 0'],
  ['{"timestamp": 0, "input_length": 5}', 'output_length is missing'],
  ['{"input_length": 5, "output_length": 5}', 'timestamp is missing'],
  ['', 'it has no requests'],
])('a trace with %s is refused with its line', (text, why) => {
  expect(() => parseTrace(text, 't.jsonl')).toThrow(`t.jsonl:1: ${why}`);
});
