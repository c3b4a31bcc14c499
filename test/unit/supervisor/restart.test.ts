/** What follows when a process ends that nobody asked to end. */
import { expect, test } from 'vitest';
import type { RestartRule } from '../../../src/plan/plan.ts';
import { afterExit } from '../../../src/supervisor/restart.ts';

const numbers = { windowMs: 60_000, firstDelayMs: 100, maxDelayMs: 1_000 };
const delays = (rule: RestartRule, times: number) => {
  const at: number[] = [];
  return Array.from({ length: times }, () => {
    const verdict = afterExit(rule, at, 1_000, 0.5);
    at.push(1_000);
    return verdict.restart ? verdict.delayMs : verdict.because;
  });
};

test('on-failure restarts with growing pauses, up to a crash loop', () => {
  expect(delays({ policy: 'on-failure', maxRestarts: 3, ...numbers }, 4)).toEqual([
    100,
    200,
    400,
    'crash loop',
  ]);
});

test('always goes on, with pauses that grow to the longest', () => {
  expect(delays({ policy: 'always', ...numbers }, 8)).toEqual([
    100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000,
  ]);
});

test('restarts before the window do not count', () => {
  const rule = { policy: 'on-failure', maxRestarts: 1, ...numbers } as const;
  expect(afterExit(rule, [1_000], 60_999, 0.5)).toEqual({ restart: false, because: 'crash loop' });
  expect(afterExit(rule, [1_000], 61_000, 0.5)).toEqual({ restart: true, delayMs: 100 });
});

test('no restarts nothing', () => {
  expect(delays({ policy: 'no', maxRestarts: 3, ...numbers }, 1)).toEqual(['policy']);
});
