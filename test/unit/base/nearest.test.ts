/** "Did you mean" finds typos and is silent otherwise. */
import { expect, test } from 'vitest';
import { editDistance, nearest } from '../../../src/base/nearest.ts';

test.each([
  ['', '', 0],
  ['agg', 'agg', 0],
  ['agg', '', 3],
  ['agg', 'gag', 1],
  ['disagg', 'disag', 1],
  ['kitten', 'sitting', 3],
])('%j is %j after %i edits', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});

test('finds the word for a typo, whatever its case', () => {
  expect(nearest('Disag', ['agg', 'disagg', 'video'])).toBe('disagg');
});

test('finds nothing for an unrelated word', () => {
  expect(nearest('kubernetes', ['agg', 'disagg', 'video'])).toBeUndefined();
  expect(nearest('up', [])).toBeUndefined();
});

test('among equally near words, the first wins', () => {
  expect(nearest('ab', ['ax', 'ay'])).toBe('ax');
});
