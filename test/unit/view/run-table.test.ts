/** Runs and their processes as a table. */

import { expect, test } from 'vitest';
import { runTable, type RunView } from '../../../src/view/run-table.ts';
import { styleFor } from '../../../src/view/style.ts';

const plain = styleFor({}, {});
const since = new Date(Date.now() - 65_000).toISOString();
const view: RunView = {
  runId: 'disagg-abcd',
  name: 'disagg',
  profile: 'disagg',
  engine: 'sim',
  state: 'ready',
  url: 'http://127.0.0.1:8001',
  startedAt: since,
  detached: true,
  supervisorPid: 77,
  supervisor: 'answering',
  logs: '/logs',
  processes: [
    {
      name: 'frontend',
      state: 'ready',
      health: 'healthy',
      pid: 78,
      restarts: 0,
      cpuPercent: 12.34,
      memoryBytes: 70 * 1024 * 1024,
      gpus: [],
      ports: { http: 8001 },
      since,
    },
    {
      name: 'decode',
      state: 'pending',
      health: '-',
      pid: undefined,
      restarts: 2,
      cpuPercent: undefined,
      memoryBytes: undefined,
      gpus: ['0', '1'],
      ports: { system: 10_001 },
      since,
    },
  ],
};

test('one row for the run, and one for each process', () => {
  expect(runTable([view], plain)).toBe(
    [
      'RUN     PROCESS        STATE    HEALTH   RESTARTS  PID  CPU    MEMORY  GPUS  PORTS                  SINCE',
      'disagg  disagg on sim  ready                       77                        http://127.0.0.1:8001  1 min 5 s',
      '        frontend       ready    healthy  0         78   12.3%  70 MiB  -     http:8001              1 min 5 s',
      '        decode         pending  -        2         -    -      -       0,1   system:10001           1 min 5 s',
    ].join('\n'),
  );
});

test.each([120, 100, 80, 60, 40, 33])(
  '%i columns are never exceeded, and names and states always stay',
  (width) => {
    const lines = runTable([view], plain, width).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
    expect(lines[0]).toMatch(/^RUN +PROCESS +STATE/);
  },
);

test('in 80 columns, all addresses are still shown', () => {
  const [heading, run] = runTable([view], plain, 80).split('\n');
  expect(heading).toMatch(/ PORTS/);
  expect(run).toContain('http://127.0.0.1:8001');
});

const [frontend, decode] = view.processes;
const watched: RunView = {
  ...view,
  processes: [
    {
      ...frontend!,
      figures: { kind: 'frontend', name: 'frontend', answers: true, requests: 12, outputTokensPerSecond: 0 },
    },
    {
      ...decode!,
      figures: {
        kind: 'worker',
        name: 'decode',
        role: 'decode',
        answers: true,
        kvUsage: 0.374,
        gpuMemoryBytes: 3 * 2 ** 30,
      },
    },
  ],
};

test('with --watch, current usage is shown, known or not', () => {
  const [heading, , first, second] = runTable([watched], plain).split('\n');
  expect(heading).toMatch(/ GPUS {2}GPU MEM {2}KV +REQS {2}TOK\/S {2}PORTS/);
  expect(first).toMatch(/ 70 MiB {2}- {5}- {8}- +12 {4}0\.0 /);
  expect(second).toMatch(/ 0,1 {3}3\.0 GiB {2}37% +- +- /);
});

test('without GPUs, there is no GPU memory column', () => {
  const onSim = { ...watched, processes: watched.processes.map((each) => ({ ...each, gpus: [] })) };
  expect(runTable([onSim], plain)).not.toContain('GPU MEM');
});

test.each([120, 100, 80, 60, 40, 33])('those do not exceed %i columns either', (width) => {
  expect(
    Math.max(
      ...runTable([watched], plain, width)
        .split('\n')
        .map(({ length }) => length),
    ),
  ).toBeLessThanOrEqual(width);
});
