import { expect, test } from 'vitest';
import { bottleneck, levelsOf, roleFigures } from '../../../src/bench/why.ts';
import type { Figures } from '../../../src/metrics/figures.ts';
import { round } from './result.ts';

const server = (roles: Figures['roles']): Figures => ({ deployment: {}, roles, processes: [] });
const prefill = { role: 'prefill', workers: 1, answering: 1 };
const decode = { role: 'decode', workers: 2, answering: 2 };
const slow = round(1, { ttftMs: 900, itlMs: 10 }).figures;

test('levels are means over the time in which something ran, and totals are those of the point', () => {
  const busy = levelsOf(
    server([
      { ...prefill, running: 2, queued: 6 },
      { ...decode, running: 3, kvUsage: 0.4 },
    ]),
  );
  const more = levelsOf(
    server([
      { ...prefill, running: 2, queued: 8 },
      { ...decode, running: 5, kvUsage: 0.6 },
    ]),
  );
  const idle = levelsOf(
    server([
      { ...prefill, running: 0, queued: 0 },
      { ...decode, running: 0 },
    ]),
  );
  const window = server([
    { ...prefill, requestMs: { count: 9, mean: 110, p50: 100 } },
    { ...decode, transfer: { latencyMs: { count: 9, p50: 12 } } },
  ]);
  const roles = roleFigures([idle, busy, more, idle], window);
  expect(roles.map(({ text }) => text)).toEqual([
    '2 running, 7 queued (at most 8), 100 ms a request',
    '4 running, KV cache up to 60 %, KV transfer 12.0 ms',
  ]);
  expect(bottleneck(slow, roles)).toEqual([
    'prefill is the bottleneck: 7 requests wait for it on average; try one more: --replicas prefill=2',
  ]);
});

test('a first token that waits far longer than prefill takes points to prefill', () => {
  const roles = roleFigures([], server([{ ...prefill, requestMs: { count: 9, mean: 110, p50: 100 } }]));
  expect(bottleneck(slow, roles)[0]).toMatch(/^of 900 ms to the first token, prefill itself takes 100 ms/);
  expect(bottleneck(round(1, { ttftMs: 110, itlMs: 10 }).figures, roles)).toEqual([]);
});

test('a full KV cache points to decode; failed transfers are named; nothing known says nothing', () => {
  const full = levelsOf(server([{ ...decode, running: 9, kvUsage: 0.97 }]));
  const roles = roleFigures([full], server([{ ...decode, transfer: { failed: 2 } }]));
  expect(bottleneck(slow, roles)).toEqual([
    'the KV cache of decode was 97 % full; try one more: --replicas decode=3, with as few prefill workers as possible',
    '2 KV transfers of decode failed: dynamo logs decode',
  ]);
  expect(bottleneck(slow, roleFigures([], server([prefill, decode])))).toEqual([]);
});
