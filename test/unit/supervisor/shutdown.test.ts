/** How much time each process gets when a run stops, and what is reported of it. */
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Child } from '../../../src/supervisor/contracts.ts';
import { stopInWaves, type StopOrder } from '../../../src/supervisor/shutdown.ts';

const frontend = { name: 'frontend', kind: 'frontend', stopGraceMs: 30_000, ports: {} } as const;
const worker = {
  name: 'worker',
  kind: 'worker',
  stopGraceMs: 35_000,
  loadingStopGraceMs: 5_000,
  unusedStopGraceMs: 1_000,
  ports: {},
} as const;
const plain = { ...worker, name: 'plain', unusedStopGraceMs: undefined };

interface How {
  readonly loading?: boolean;
  readonly now?: boolean;
  readonly stopTimeoutMs?: number;
}

/** Stops them one after the other; each must be killed. */
async function stopped(processes: StopOrder['processes'], how: How = {}) {
  const graces: Record<string, number> = {};
  const child = (name: string): Child => ({
    pid: 1,
    exited: Promise.resolve({ code: undefined, signal: 'SIGKILL' }),
    degraded: new Promise(() => {}),
    trackChildren: async () => {},
    kill: () => {},
    vitalChildren: () => [],
    drained: async () => await new Promise(() => {}),
    stop: async (graceMs) => {
      graces[name] = graceMs;
      return { killed: [name], left: [] };
    },
  });
  const order: StopOrder = {
    processes,
    stopOrder: processes.map(({ name }) => [name]),
    stopTimeoutMs: how.stopTimeoutMs,
  };
  const { killed } = await stopInWaves(order, {
    children: new Map(processes.map(({ name }) => [name, child(name)])),
    clock: systemClock,
    enter: () => {},
    isLoading: () => how.loading === true,
    isImmediate: () => how.now === true,
  });
  return { graces, killed };
}

test('once the frontend is gone, what it used gets little time, and its SIGKILL is as planned', async () => {
  expect(await stopped([frontend, worker, plain])).toEqual({
    graces: { frontend: 30_000, worker: 1_000, plain: 35_000 },
    killed: ['frontend', 'plain'],
  });
  expect((await stopped([frontend, worker], { loading: true })).graces).toMatchObject({ worker: 1_000 });
});

test('before the frontend, or without one, a worker may still be used', async () => {
  expect((await stopped([worker, frontend])).graces).toEqual({ worker: 35_000, frontend: 30_000 });
  expect(await stopped([worker])).toEqual({ graces: { worker: 35_000 }, killed: ['worker'] });
});

test('a kill, and a time limit that is shorter, report what was killed', async () => {
  expect(await stopped([frontend, worker], { now: true })).toEqual({
    graces: { frontend: 0, worker: 0 },
    killed: ['frontend', 'worker'],
  });
  expect((await stopped([frontend, worker], { stopTimeoutMs: 500 })).killed).toEqual(['frontend', 'worker']);
});
