/** When a line was written, as the line itself says. */
import { afterEach, expect, test } from 'vitest';
import { lineTime, since } from '../../../src/run/log-time.ts';

const zone = process.env['TZ'];
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

const at = (text: string): number => Date.parse(text);

test.each([
  ['2026-11-21T03:24:52.698613Z  INFO dynamo_runtime: x', at('2026-11-21T03:24:52.698Z')],
  ['{"time":"2026-11-21T03:24:19.882231Z","level":"INFO"}', at('2026-11-21T03:24:19.882Z')],
  ['{"level":"info","ts":"2026-11-21T03:24:19.882+0200","msg":"x"}', at('2026-11-21T03:24:19.882+02:00')],
  ['[2026-11-21 03:24:19] server_args=x', at('2026-11-21T03:24:19')],
  ['[17] 2026/11/21 03:24:19.123456 [INF] Starting nats-server', at('2026-11-21T03:24:19.123')],
])('%s', (line, time) => expect(lineTime(line)).toBe(time));

test.each([
  '',
  'Traceback (most recent call last):',
  `${'x'.repeat(70)} 2026-11-21T03:24:52Z`,
  '2026-13-41T99:99:99Z',
])('%s has none', (line) => expect(lineTime(line)).toBeUndefined());

test('lines without a time go with the line before them', () => {
  const recent = since(at('2026-01-01T00:00:10Z')).keeps;
  const lines = ['early', '2026-01-01T00:00:09Z a', ' of a', '2026-01-01T00:00:10Z b', ' of b'];
  expect(lines.filter(recent)).toEqual(['2026-01-01T00:00:10Z b', ' of b']);
  expect(lines.filter(since(undefined).keeps)).toEqual(lines);
});

test('a time without a zone is in the zone of who wrote it, with one in that', () => {
  expect(lineTime('[2026-01-31 12:00:00] INFO', 'America/New_York')).toBe(at('2026-01-31T17:00:00Z'));
  expect(lineTime('[2026-07-31 12:00:00] INFO', 'America/New_York')).toBe(at('2026-07-31T16:00:00Z'));
  expect(lineTime('[2026-01-31 12:00:00] INFO', 'UTC')).toBe(at('2026-01-31T12:00:00Z'));
  expect(lineTime('2026-01-31T12:00:00+01:00 INFO', 'America/New_York')).toBe(at('2026-01-31T11:00:00Z'));
});

test('that no line had a time is known', () => {
  const { keeps, isBlind } = since(0);
  expect(isBlind()).toBe(false);
  expect(['no time', 'none here'].map(keeps)).toEqual([false, false]);
  expect(isBlind()).toBe(true);
  expect(keeps('2026-01-31T12:00:00Z x')).toBe(true);
  expect(isBlind()).toBe(false);
});
