/** Prometheus text: samples, histograms, and their quantiles. */
import { expect, test } from 'vitest';
import {
  histogramOf,
  quantile,
  readPage,
  riseOf,
  samplesOf,
  sumOf,
} from '../../../src/metrics/prometheus.ts';

test('reads names, labels, numbers and time stamps, and leaves out the rest', () => {
  const page = readPage(
    [
      '# HELP a help',
      '# TYPE a counter',
      'a 1',
      'a{b="c d",e="quo\\"te } \\\\ \\n"} 2.5e3 1395066363000',
      'b{le="+Inf"} +Inf',
      'c NaN',
      'd{x="cut o',
      'e',
      '',
      'f 3\r',
    ].join('\n'),
  );
  expect([...page]).toEqual([
    [
      'a',
      [
        { labels: {}, value: 1 },
        { labels: { b: 'c d', e: 'quo"te } \\ \n' }, value: 2500 },
      ],
    ],
    ['b', [{ labels: { le: '+Inf' }, value: Infinity }]],
    ['f', [{ labels: {}, value: 3 }]],
  ]);
});

test('reads only what is wanted, and finds it by labels', () => {
  const page = readPage('a{x="1",y="2"} 1\na{x="2",y="2"} 2\nab 3\n', (name) => name === 'a');
  expect([...page.keys()]).toEqual(['a']);
  expect(samplesOf(page, 'a', { y: '2', x: '2' }).map(({ value }) => value)).toEqual([2]);
  expect(samplesOf(page, 'b')).toEqual([]);
});

const text = (counts: readonly number[], sum: number, label = ''): string =>
  ['0.1', '0.5', '1', '+Inf'].map((le, index) => `h_bucket{${label}le="${le}"} ${counts[index]}\n`).join('') +
  `h_sum{${label}} ${sum}\nh_count{${label}} ${counts.at(-1)}\n`;
const read = (page: string) => histogramOf(readPage(page), 'h');

test('a histogram is added up over its series, and absent if there is none', () => {
  const both = read(text([1, 2, 2, 2], 0.4, 'model="a",') + text([0, 1, 3, 4], 9, 'model="b",'));
  expect(both).toEqual({ bounds: [0.1, 0.5, 1, Infinity], counts: [1, 3, 5, 6], sum: 9.4, count: 6 });
  expect(read('')).toBeUndefined();
});

test('quantiles are linear within a bucket, as those of Prometheus', () => {
  const ten = read(text([2, 6, 10, 10], 5))!;
  expect(quantile(ten, 0.5)).toBeCloseTo(0.1 + 0.4 * (3 / 4));
  expect(quantile(ten, 0.1)).toBeCloseTo(0.05);
  expect(quantile(ten, 0.99)).toBeCloseTo(0.5 + 0.5 * (3.9 / 4));
  expect(quantile(ten, 1)).toBeCloseTo(1);
});

test('beyond the last bound, the bound is all that is known', () => {
  expect(quantile(read(text([0, 0, 1, 10], 50))!, 0.99)).toBe(1);
  expect(quantile(read(text([0, 0, 0, 0], 0))!, 0.5)).toBeUndefined();
});

test('a rise is of new observations, and of all of them after a restart', () => {
  const [before, after] = [read(text([1, 2, 2, 2], 1))!, read(text([1, 4, 5, 6], 9))!];
  expect(riseOf(before, after)).toMatchObject({ counts: [0, 2, 3, 4], sum: 8, count: 4 });
  expect(riseOf(undefined, after)).toEqual(after);
  expect(riseOf(after, before)).toEqual(before);
  expect(sumOf(before, after)).toMatchObject({ counts: [2, 6, 7, 8], sum: 10, count: 8 });
});
