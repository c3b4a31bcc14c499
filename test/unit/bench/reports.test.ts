import { expect, test } from 'vitest';
import { compareArms } from '../../../src/bench/comparison.ts';
import { csvOf, junitOf } from '../../../src/bench/exports.ts';
import { htmlReport } from '../../../src/bench/html.ts';
import { predictedLines } from '../../../src/bench/predicted.ts';
import { niceTop } from '../../../src/bench/chart.ts';
import { splitWords } from '../../../src/cli/bench/arms.ts';
import { benchReport } from '../../../src/cli/bench/table.ts';
import { styleFor } from '../../../src/view/style.ts';
import { textWidth } from '../../../src/view/table.ts';
import { arm, result, round } from './result.ts';

const rounds = [1, 2, 3].map((n) => round(n, { ttftMs: 20 + n, itlMs: 5 }));
const two = [arm('A', rounds), arm('B', rounds, { label: 'disagg --set x="<script>"', gpus: 2 })];
const whole = result(two, {
  comparisons: compareArms(two, 0.05),
  verdicts: ['disagg against agg: same.'],
  notes: ['a note'],
});
const plain = styleFor({}, {});

const table = (width: number): string => benchReport(whole, plain, width).split('\n\n')[1] ?? '';

test('the table fits a terminal of 80 columns, and a wide one shows more', () => {
  expect(Math.max(...table(80).split('\n').map(textWidth))).toBeLessThanOrEqual(80);
  expect(table(80)).toContain('TTFT ms');
  expect(table(80)).not.toContain('p90');
  expect(table(200)).toContain('p90');
});

test('every report says that an engine is simulated', () => {
  expect(benchReport(whole, plain, 200)).toMatch(/^SIMULATED: sim computes nothing/);
  expect(htmlReport(whole, [])).toContain('SIMULATED: sim computes nothing');
  expect(csvOf(whole).split('\n')[0]).toContain(',simulated,');
  expect(csvOf(whole).split('\n')[1]).toMatch(/^A,agg,sim,true,1,concurrency,16,1,/);
  expect(junitOf(whole, [])).toContain('name="dynamo bench: agg (sim, simulated)"');
});

test('the page needs nothing but itself, and what users typed stays text', () => {
  const page = htmlReport(whole, [{ name: 'c', outcome: 'failed', text: 'ttft.p95 is <b>' }]);
  expect(page).not.toMatch(/<script|<link|<img|https?:|@import|url\(/);
  expect(page).toContain('disagg --set x=&quot;&lt;script&gt;&quot;');
  expect(page).toContain('prefers-color-scheme:dark');
  expect(page.match(/<svg viewBox="0 0 520/g)).toHaveLength(4);
});

test('withheld figures are in no report', () => {
  const hidden = result([
    arm(
      'A',
      rounds.map((each) => ({ ...each, withheld: 'the load generator was busy' })),
    ),
  ]);
  expect(benchReport(hidden, plain, 200)).toMatch(/^16 +withheld/m);
  expect(benchReport(hidden, plain, 200)).toContain('withheld, as the load generator was busy');
  expect(csvOf(hidden).split('\n')[1]).toContain(',the load generator was busy,120,0,');
  expect(csvOf(hidden).split('\n')[1]).toMatch(/,,,,,,,,,/);
  expect(junitOf(hidden, [])).toContain('<failure message="its figures are withheld');
});

test('a prediction stands beside the nearest point, with what it is about', () => {
  const predicted = {
    by: 'AIConfigurator 0.12.0',
    data: 'SGLang 0.5.14',
    gpu: 'h200_sxm',
    gpus: 8,
    inputTokens: 4000,
    outputTokens: 500,
    concurrency: 20,
    tokensPerSecondPerGpu: 501,
    tokensPerSecondPerUser: 52,
    requestsPerSecond: 8,
    ttftMs: 518,
    itlMs: 19.2,
    requestMs: 10_000,
  };
  const lines = predictedLines(result([arm('A', rounds, { predicted, simulated: false })]));
  expect(lines).toEqual([
    'agg predicted at concurrency 20 by AIConfigurator 0.12.0 from data of SGLang 0.5.14 on 8 × h200_sxm, 4000 tokens in, 500 out: TTFT 518 ms, ITL 19.2 ms, tokens/s per GPU 501, tokens/s per user 52.0.',
    expect.stringMatching(
      /^agg measured at concurrency 16: TTFT 22\.0 ms, ITL 5\.00 ms, .* The load was another one: --isl 4000 --osl 500/,
    ) as string,
  ]);
  expect(predictedLines(result([arm('A', rounds, { predicted })]))[1]).toContain(
    'on a simulated engine, which no prediction is about',
  );
  expect(predictedLines(whole)).toEqual([]);
});

test('axes end at round numbers', () => {
  expect(niceTop(912)).toEqual({ top: 1000, ticks: [0, 200, 400, 600, 800, 1000] });
  expect(niceTop(0.0031).ticks).toHaveLength(5);
  expect(niceTop(0)).toEqual({ top: 1, ticks: [0, 1] });
});

test('the words of an arm are split as a shell does', () => {
  expect(splitWords(`disagg --set 'a.b=c d' --env "X=\\"1\\"" e\\ f`)).toEqual([
    'disagg',
    '--set',
    'a.b=c d',
    '--env',
    'X="1"',
    'e f',
  ]);
  expect(splitWords('  agg ')).toEqual(['agg']);
  expect(splitWords(`--set=x='y z'`)).toEqual(['--set=x=y z']);
  expect(() => splitWords(`agg 'x`)).toThrow('a quote is not closed');
});
