import { expect, test } from 'vitest';
import { compareArms, verdictLines } from '../../../src/bench/comparison.ts';
import { notesOf } from '../../../src/bench/notes.ts';
import { arm, result, round } from './result.ts';

const itl = (values: readonly number[], more: object = {}) =>
  values.map((itlMs, i) => round(i + 1, { ttftMs: 50, itlMs, ...more }));

function verdict(
  a: readonly number[],
  b: readonly number[],
  metric = 'itl.p50',
  threshold = 0.05,
): string | undefined {
  return compareArms([arm('A', itl(a)), arm('B', itl(b))], threshold).find((each) => each.metric === metric)
    ?.verdict;
}

test('a difference counts when its whole interval is beyond the threshold', () => {
  expect(verdict([10, 10.1, 9.9], [14, 14.2, 13.9])).toBe('worse');
  expect(verdict([14, 14.2, 13.9], [10, 10.1, 9.9])).toBe('better');
  // A clear difference of 3 % does not matter.
  expect(verdict([10, 10, 10], [10.3, 10.3, 10.3])).toBe('same');
  expect(verdict([10, 10, 10], [10.3, 10.3, 10.3], 'itl.p50', 0.01)).toBe('worse');
});

test('arms that vary more than they differ are inconclusive, and equal ones show no difference', () => {
  expect(verdict([10, 14, 9], [12, 11, 13])).toBe('inconclusive');
  expect(verdict([10, 10.1, 10.05], [10.1, 10, 10.05])).toBe('same');
});

test('throughput is better when it is higher', () => {
  const lower = compareArms([arm('A', itl([10, 10, 10])), arm('B', itl([10, 10, 10]), { gpus: 2 })], 0.05);
  expect(lower.find(({ metric }) => metric === 'tokens-per-gpu')?.verdict).toBe('same');
  const halved = itl([10, 10, 10]).map((each) => ({
    ...each,
    figures: { ...each.figures, tokensPerGpu: (each.figures.tokensPerGpu ?? 0) / 2 },
  }));
  const found = compareArms([arm('A', itl([10, 10, 10])), arm('B', halved)], 0.05);
  expect(found.find(({ metric }) => metric === 'tokens-per-gpu')?.verdict).toBe('worse');
});

test('a p99 is compared only where each round has a hundred requests', () => {
  const few = itl([10, 10, 10], { count: 99 });
  expect(compareArms([arm('A', few), arm('B', few)], 0.05).map(({ metric }) => metric)).not.toContain(
    'itl.p99',
  );
  const many = itl([10, 10, 10], { count: 100 });
  expect(compareArms([arm('A', many), arm('B', many)], 0.05).map(({ metric }) => metric)).toContain(
    'itl.p99',
  );
});

test('answers of other lengths are not comparable', () => {
  const arms = [arm('A', itl([10, 10, 10])), arm('B', itl([5, 5, 5], { tokens: 12 }))];
  const comparisons = compareArms(arms, 0.05);
  expect(new Set(comparisons.map((each) => each.verdict))).toEqual(new Set(['not-comparable']));
  expect(verdictLines(comparisons, arms, { threshold: 0.05, rounds: 3 })).toEqual([
    'disagg and agg are not comparable: the lengths of their prompts or answers differ.',
  ]);
});

test('withheld rounds, and rounds that one arm lacks, do not count', () => {
  const withheld = itl([10, 10, 10]).map((each) => ({ ...each, withheld: 'busy' }));
  expect(compareArms([arm('A', itl([10, 10, 10])), arm('B', withheld)], 0.05)).toEqual([]);
  const [first] = itl([30]);
  const comparisons = compareArms(
    [arm('A', itl([10, 10, 10])), arm('B', first === undefined ? [] : [first])],
    0.05,
  );
  expect(comparisons.every((each) => each.verdict === 'too-few-rounds')).toBe(true);
});

test('verdicts are sentences; with fewer than three rounds there is none', () => {
  const arms = [arm('A', itl([10, 10.1, 9.9])), arm('B', itl([14, 14.2, 13.9]))];
  const lines = verdictLines(compareArms(arms, 0.05), arms, { threshold: 0.05, rounds: 3 });
  expect(lines).toContain('disagg against agg, TTFT p50: no difference beyond 5 % at concurrency 16.');
  expect(lines.find((line) => line.includes('ITL p50'))).toMatch(
    /^disagg against agg, ITL p50: 1\.40× slower \(1\.\d\d–1\.\d\d×\) at concurrency 16\.$/,
  );
  expect(verdictLines(compareArms(arms, 0.05), arms, { threshold: 0.05, rounds: 2 })).toEqual([
    'No verdict: 2 rounds cannot show how much figures vary; it takes 3.',
  ]);
  expect(verdictLines([], [arm('A', itl([1]))], { threshold: 0.05, rounds: 3 })).toEqual([]);
});

test('notes say what limits the figures', () => {
  const short = itl([10, 10, 10], { count: 40 }).map((each) => ({
    ...each,
    figures: { ...each.figures, askedOsl: 20 },
  }));
  const notes = notesOf(
    result([arm('A', short), arm('B', short, { gpus: 2 })], {
      machine: { host: 'h', cpus: 'c', gpus: [], loadAverage: 9 },
    }),
    2,
  );
  expect(notes.join('\n')).toMatch(
    /On a bare server it adds 0\.300 ms to a TTFT and takes 80\.0 thousand tokens\/s\. Here it was busy for at most 10 %/,
  );
  expect(notes).toContain(
    'This machine was busy with other work: its load average at the start was 9.0 on 2 cores.',
  );
  expect(notes).toContain('The arms use 1 (agg) and 2 (disagg) GPUs: compare tokens/s per GPU.');
  expect(notes).toContain(
    'agg at concurrency 16: answers had 11.0 tokens on average, not 20.0, as the server counts them.',
  );
  expect(notes.at(-1)).toContain('A p99 of fewer than 100 requests');
});

test('a round without answers says nothing about the lengths of texts', () => {
  const rounds = [
    round(1, { ttftMs: 50, itlMs: 10 }),
    round(2, { ttftMs: 50, itlMs: 10, count: 0, errors: 40 }),
  ];
  expect(notesOf(result([arm('A', rounds)]), 2).join('\n')).not.toContain('as the server counts them');
});
