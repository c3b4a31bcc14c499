/** Steps of a set-up as plain lines, facts in columns, and sizes. */
import { expect, test } from 'vitest';
import { factLines } from '../../../src/view/setup-text.ts';
import { stepLines } from '../../../src/view/steps.ts';
import { styleFor } from '../../../src/view/style.ts';

test('a line when a step has ended, with its result and duration', async () => {
  const written: string[] = [];
  let now = 1_000;
  const steps = stepLines((text) => void written.push(text), { now: () => now, sleep: async () => {} });
  const result = await steps.step('packages', async (view) => {
    view.caption('Resolved 56 packages');
    view.title('packages: 56');
    now += 4_900;
    return 56;
  });
  expect(result).toBe(56);
  await expect(steps.step('check', async () => await Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(written).toEqual(['packages: 56 [4.9 s]\n']);
});

test('facts are in columns; a repeated name is shown once', () => {
  const facts = [
    { what: 'override', value: 'a', because: 'why' },
    { what: 'override', value: 'b' },
    { what: 'disk', value: '1.0 GB' },
  ];
  expect(factLines(facts, styleFor({}, {}))).toEqual(['override  a  why', '          b', 'disk      1.0 GB']);
});
