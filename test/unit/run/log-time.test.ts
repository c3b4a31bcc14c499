/** The time of a log line, from the line itself. */
import { expect, test } from 'vitest';
import { hostZone, lineTime, since } from '../../../src/run/log-time.ts';

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

test('lines without a time belong to the line before them', () => {
  const recent = since(at('2026-01-01T00:00:10Z')).keeps;
  const lines = ['early', '2026-01-01T00:00:09Z a', ' of a', '2026-01-01T00:00:10Z b', ' of b'];
  expect(lines.filter(recent)).toEqual(['2026-01-01T00:00:10Z b', ' of b']);
  expect(lines.filter(since(undefined).keeps)).toEqual(lines);
});

test('a time without a zone is in the zone of its writer', () => {
  expect(lineTime('[2026-01-31 12:00:00] INFO', 'America/New_York')).toBe(at('2026-01-31T17:00:00Z'));
  expect(lineTime('[2026-07-31 12:00:00] INFO', 'America/New_York')).toBe(at('2026-07-31T16:00:00Z'));
  expect(lineTime('[2026-01-31 12:00:00] INFO', 'UTC')).toBe(at('2026-01-31T12:00:00Z'));
  expect(lineTime('2026-01-31T12:00:00+01:00 INFO', 'America/New_York')).toBe(at('2026-01-31T11:00:00Z'));
});

const berlin = (time: string): number | undefined => lineTime(`[${time}] INFO`, ':Europe/Berlin');

test('a time without a zone, around the change of clocks and in odd zones', () => {
  expect(berlin('2026-03-29 01:59:59')).toBe(at('2026-03-29T00:59:59Z'));
  expect(berlin('2026-03-29 03:00:00')).toBe(at('2026-03-29T01:00:00Z'));
  expect(berlin('2026-10-25 01:59:59')).toBe(at('2026-10-24T23:59:59Z'));
  expect(berlin('2026-10-25 03:00:00.25')).toBe(at('2026-10-25T02:00:00.250Z'));
  expect(lineTime('2026-06-01 12:00:00', 'Asia/Kathmandu')).toBe(at('2026-06-01T06:15:00Z'));
  expect(lineTime('2026-06-01 12:00:00', '')).toBe(at('2026-06-01T12:00:00Z'));
  expect(lineTime('2026-13-41 99:99:99', 'UTC')).toBeUndefined();
  // An unknown zone is that of this host.
  expect(lineTime('2026-06-01 12:00:00', 'No/Where')).toBe(at('2026-06-01T12:00:00'));
});

test('a process that inherits no TZ has the zone of this host, whatever ours is', () => {
  expect(hostZone({})).toBeUndefined();
  const zone = hostZone({ TZ: 'Asia/Tokyo' });
  expect(zone === undefined || /^[A-Za-z]+(\/|$)/.test(zone)).toBe(true);
});

test('reports if no line had a time', () => {
  const { keeps, isBlind } = since(0);
  expect(isBlind()).toBe(false);
  expect(['no time', 'none here'].map(keeps)).toEqual([false, false]);
  expect(isBlind()).toBe(true);
  expect(keeps('2026-01-31T12:00:00Z x')).toBe(true);
  expect(isBlind()).toBe(false);
});
