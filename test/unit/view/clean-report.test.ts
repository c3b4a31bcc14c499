/** Output of `clean`: many lost segments do not bury the rest. */
import { expect, test } from 'vitest';
import { cleanText, type LeftAlone } from '../../../src/view/clean-report.ts';

const segments = (count: number): LeftAlone[] =>
  Array.from({ length: count }, (_, i) => ({
    what: `/dev/shm/psm_${i} (1 MiB)`,
    because: 'nobody uses it',
    command: `rm /dev/shm/psm_${i}`,
    segment: true,
  }));
const unowned: LeftAlone = { what: '4321 (python3)', because: 'of somebody else' };

const lines = (leftAlone: readonly LeftAlone[]): string[] =>
  cleanText({ dryRun: true, items: [], leftAlone, waiting: [], unseen: [] }).trimEnd().split('\n');

test('three segments are listed', () => {
  expect(lines([...segments(3), unowned])).toHaveLength(2 + 3 + 1);
});

test('of sixty, three are listed and the others counted', () => {
  const seen = lines([...segments(60), unowned]);
  expect(seen).toHaveLength(2 + 3 + 1 + 1);
  expect(seen.join('\n')).toContain('4321 (python3)');
  expect(seen.at(-1)).toMatch(/and 57 more .*dynamo clean --json/);
});
