/** The screen of `dynamo top`: what it shows, in terminals of any size, and what keys do. */
import { expect, test } from 'vitest';
import type { ProcessFigures, RoleFigures } from '../../../src/metrics/figures.ts';
import { millisecondsText, numberText } from '../../../src/view/figures-text.ts';
import type { ProcessView, RunView } from '../../../src/view/run-table.ts';
import { styleFor } from '../../../src/view/style.ts';
import { topHelp, topKeys, topPressed, topStart, type TopState } from '../../../src/view/top-keys.ts';
import { choices, topText } from '../../../src/view/top-screen.ts';

const plain = styleFor({}, {});
const now = Date.now();
const since = new Date(now - 125_000).toISOString();
const processView = (
  name: string,
  figures: ProcessFigures,
  more: Partial<ProcessView> = {},
): ProcessView => ({
  name,
  state: 'ready',
  health: 'healthy',
  pid: 70,
  restarts: 0,
  cpuPercent: 12.3,
  memoryBytes: 70 * 2 ** 20,
  gpus: [],
  ports: {},
  since,
  figures,
  ...more,
});
const worker = (name: string, role: string, more: object = {}): ProcessFigures => ({
  kind: 'worker',
  name,
  role,
  answers: true,
  requestsPerSecond: 9.5,
  inFlight: 3,
  ...more,
});
const role = (name: string, workers: number): RoleFigures => ({
  role: name,
  workers,
  answering: workers,
  inFlight: 6,
  requestsPerSecond: 19,
});
const view: RunView = {
  runId: 'disagg-abcd',
  name: 'disagg',
  profile: 'disagg_router',
  engine: 'sglang',
  state: 'ready',
  url: 'http://127.0.0.1:8001',
  startedAt: since,
  detached: true,
  supervisorPid: 77,
  supervisor: 'answering',
  logs: '/logs',
  figures: {
    windowMs: 60_000,
    deployment: {
      requestsPerSecond: 19.4,
      outputTokensPerSecond: 1237,
      inputTokensPerSecond: 4194,
      inFlight: 8,
      queued: 1,
      errors: 2,
      errorsByType: { internal: 2 },
      ttftMs: { count: 1164, mean: 80, p50: 66, p95: 214, p99: 1219 },
      itlMs: { count: 74_000, p50: 5.84, p95: 11.2, p99: 23.3 },
      cacheHitRate: 0.96,
      cacheHitCount: 2328,
    },
    roles: [
      {
        ...role('prefill', 2),
        transfer: { latencyMs: { count: 9, p50: 3.1, p99: 8 }, failed: 1, sendQueue: 2 },
      },
      role('decode', 1),
    ],
  },
  processes: [
    processView('frontend', { kind: 'frontend', name: 'frontend', answers: true, inFlight: 8, queued: 1 }),
    processView('prefill-1', worker('prefill-1', 'prefill')),
    processView('prefill-2', worker('prefill-2', 'prefill', { inFlight: 4 }), { cpuPercent: 50 }),
    processView('decode', worker('decode', 'decode', { kvUsage: 0.374 })),
  ],
};
const screen = (views: readonly RunView[], more: object = {}): string[] =>
  topText(
    views,
    { width: 120, height: 40, sorting: 'plan', chosen: undefined, now, footer: topKeys, ...more },
    plain,
  ).split('\n');

test('a run with its address, figures with what they stand on, and its processes', () => {
  expect(screen([view], { chosen: { runId: 'disagg-abcd', process: 'prefill-1' } }).slice(1, -2)).toEqual([
    '',
    'disagg  ready  http://127.0.0.1:8001  disagg_router on sglang  up 2m',
    '  19 req/s   4,194 tok/s in   1,237 tok/s out   8 in flight   1 queued   2 errors (2 internal)',
    '  TTFT  p50 66 ms   p95 214 ms  p99 1.22 s  1,164 requests in the last 1 min 0 s',
    '  ITL   p50 5.8 ms  p95 11 ms   p99 23 ms   74,000 tokens',
    '  router expects 96% of a prompt cached (2,328 choices)',
    '  KV transfer of prefill: p50 3.1 ms, p99 8.0 ms (9)   1 failure   waiting: 2 to be sent',
    '  PROCESS    STATE   UP    CPU   MEMORY   KV  REQ/S  IN FLIGHT  QUEUED  PID',
    '  frontend   ready   2m  12.3%   70 MiB    -      -          8       1   70',
    '  prefill    2 of 2  -   62.3%  140 MiB    -     19          6       -    -',
    '❯ prefill-1  ready   2m  12.3%   70 MiB    -    9.5          3       -   70',
    '  prefill-2  ready   2m  50.0%   70 MiB    -    9.5          4       -   70',
    '  decode     ready   2m  12.3%   70 MiB  37%    9.5          3       -   70',
  ]);
});

test('the first line has a clock and totals, the last what keys do', () => {
  const lines = screen([view]);
  expect(lines[0]).toMatch(
    /^dynamo top {3}\d\d:\d\d:\d\d {3}1 run {3}4 processes {3}CPU 86\.9% {3}memory 280 MiB$/,
  );
  expect(lines.at(-1)).toBe(topKeys);
});

test.each([120, 100, 80, 60, 40])('%i columns hold every line, and the whole address', (width) => {
  const lines = screen([view], { width });
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(width);
  expect(lines.join('\n')).toContain('http://127.0.0.1:8001');
  expect(lines.join('\n')).toContain('PROCESS');
});

test('columns without content vanish: nothing is said of what is not known', () => {
  const { figures: _, ...unknown } = view;
  const text = screen([
    { ...unknown, processes: view.processes.map(({ figures: __, ...each }) => each) },
  ]).join('\n');
  expect(text).toContain('PROCESS    STATE  UP    CPU  MEMORY  PID');
  expect(text).not.toMatch(/TTFT|KV|QUEUED|GPU|req\/s/);
});

test('in a low terminal, the chosen process is always seen', () => {
  for (const process of ['frontend', 'decode']) {
    const lines = screen([view, view], { height: 9, chosen: { runId: 'disagg-abcd', process } });
    expect(lines).toHaveLength(9);
    expect(lines.join('\n')).toContain(`❯ ${process}`);
    expect(lines.at(-1)).toContain('lines not shown');
  }
});

test('sorted by a column, the largest is first and roles are not added up', () => {
  expect(choices([view], 'CPU').map(({ process }) => process)[0]).toBe('prefill-2');
  expect(choices([view], 'plan')).toHaveLength(4);
  expect(screen([view], { sorting: 'CPU' }).join('\n')).toMatch(/CPU▾[^]*prefill-2 .*\n[^]*frontend /);
});

test('numbers and durations', () => {
  expect([0, 0.44, 9.96, 12.3, 1204].map(numberText)).toEqual(['0', '0.4', '10', '12', '1,204']);
  expect([0.44, 9.96, 66.4, 999.7, 12_340].map(millisecondsText)).toEqual([
    '0.4 ms',
    '10 ms',
    '66 ms',
    '1.00 s',
    '12.3 s',
  ]);
});

const all = choices([view], 'plan');
const press = (state: TopState, ...names: readonly string[]): TopState =>
  names.reduce(
    (before, name) => topPressed(before, { name, sequence: name, ctrl: name === 'c' }, all, () => true),
    state,
  );

test('arrow keys go through the processes and stop at the ends', () => {
  expect(press(topStart, 'down').chosen?.process).toBe('prefill-1');
  expect(press(topStart, 'down', 'down', 'down', 'down', 'down').chosen?.process).toBe('decode');
  expect(press(topStart, 'down', 'up', 'up').chosen?.process).toBe('frontend');
  expect(press(topStart, 'right').sorting).toBe('RESTARTS');
  expect(press(topStart, 'right', 'left').sorting).toBe('plan');
});

test('a restart is a question first; only y means yes', () => {
  const asked = press(topStart, 'down', 'r');
  expect(asked.asks).toMatchObject({ action: 'restart', of: { process: 'prefill-1' } });
  expect(asked.command).toBeUndefined();
  expect(press(asked, 'y').command).toEqual({ do: 'act', action: 'restart', of: all[1] });
  expect(press(asked, 'q').asks).toBeUndefined();
  expect(press(asked, 'q').command).toBeUndefined();
});

test('s stops what is up and starts what is not', () => {
  expect(press(topStart, 's').asks?.action).toBe('stop');
  expect(topPressed(topStart, { name: 's' }, all, () => false).asks?.action).toBe('start');
});

test('any key leaves the help, and q only that', () => {
  const help = press(topStart, '?');
  expect(help.help).toBe(true);
  expect(press(help, 'x')).toMatchObject({ help: false });
  expect(press(topStart, 'q').command).toEqual({ do: 'quit' });
  expect(press(topStart, 'c').command).toEqual({ do: 'interrupt' });
  expect(press(topStart, 'l').command).toMatchObject({ do: 'logs', of: { process: 'frontend' } });
});

test('help and the line of keys fit 80 columns', () => {
  const lines = topHelp.split('\n');
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
  expect(topKeys.length).toBeLessThanOrEqual(80);
});
