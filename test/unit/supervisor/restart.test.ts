/** What follows an unrequested exit. */
import { expect, test } from 'vitest';
import type { RestartRule } from '../../../src/plan/plan.ts';
import { afterExit } from '../../../src/supervisor/restart.ts';
import { fakePlan, frontend, profileOf, worker } from '../../support/profile.ts';
import { fakeWorld, supervised } from '../../support/fake-world.ts';

const numbers = { windowMs: 60_000, firstDelayMs: 100, maxDelayMs: 1_000 };
const delays = (rule: RestartRule, times: number) => {
  const at: number[] = [];
  return Array.from({ length: times }, () => {
    const verdict = afterExit(rule, at, 1_000, 0.5);
    at.push(1_000);
    return verdict.restart ? verdict.delayMs : verdict.because;
  });
};

test('on-failure restarts with backoff, up to a crash loop', () => {
  expect(delays({ policy: 'on-failure', maxRestarts: 3, ...numbers }, 4)).toEqual([
    100,
    200,
    400,
    'crash loop',
  ]);
});

test('always restarts forever, with backoff up to the maximum', () => {
  expect(delays({ policy: 'always', ...numbers }, 8)).toEqual([
    100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000,
  ]);
});

test('where nothing else is wanted, only the first restart in the window is at once', () => {
  const rule = { policy: 'on-failure', maxRestarts: 4, firstAtOnce: true, ...numbers } as const;
  expect(delays(rule, 5)).toEqual([0, 200, 400, 800, 'crash loop']);
  expect(afterExit(rule, [1_000], 61_000, 0.5)).toEqual({ restart: true, delayMs: 0 });
});

test('restarts before the window do not count', () => {
  const rule = { policy: 'on-failure', maxRestarts: 1, ...numbers } as const;
  expect(afterExit(rule, [1_000], 60_999, 0.5)).toEqual({ restart: false, because: 'crash loop' });
  expect(afterExit(rule, [1_000], 61_000, 0.5)).toEqual({ restart: true, delayMs: 100 });
});

test('no never restarts', () => {
  expect(delays({ policy: 'no', maxRestarts: 3, ...numbers }, 1)).toEqual(['policy']);
});

function planWith(more: Readonly<Record<string, unknown>>) {
  return fakePlan(profileOf({ components: { frontend, worker: worker('aggregated', more) } }));
}

test('a worker with always never ends the run, one with on-failure does', async () => {
  const crashing = { frontend: { readyMs: 0 }, worker: { readyMs: 0, exitMs: 100 } };
  const worlds = ['always', 'on-failure'].map((restart) => {
    const world = fakeWorld({ processes: crashing });
    return { world, supervision: supervised(planWith({ restart, maxBackoffSeconds: 2 }), world) };
  });
  for (const { world } of worlds) await world.clock.advance(60_000);
  const starts = worlds.map(
    ({ world }) => world.notes.filter((note) => note.what === 'launched' && note.process === 'worker').length,
  );
  expect(starts[0]).toBeGreaterThan(20);
  expect(starts[1]).toBe(6);
  expect((await worlds[1]?.supervision.done)?.failure?.message).toMatch(/crash loop/);
  worlds[0]?.supervision.stop();
  await worlds[0]?.world.clock.advance(5_000);
  expect((await worlds[0]?.supervision.done)?.failure).toBeUndefined();
});

test('--timeout is no limit for a restart, which may take longer than the start', async () => {
  const slow = { readyMs: 0, laterReadyMs: 9_000, exitMs: 500, exits: 1 };
  const world = fakeWorld({ processes: { frontend: { readyMs: 0 }, worker: slow } });
  const plan = { ...planWith({ restart: 'on-failure' }), readyTimeoutMs: 2_000, startupCapMs: 2_000 };
  const supervision = supervised(plan, world);
  await world.clock.advance(12_000);
  const states = world.events.flatMap((event) =>
    event.type === 'process' && event.process === 'worker' ? [event.state] : [],
  );
  expect(states.filter((state) => state !== 'starting' && state !== 'started')).toEqual([
    'ready',
    'failed',
    'backoff',
    'ready',
  ]);
  supervision.stop();
  await world.clock.advance(5_000);
  expect((await supervision.done).failure).toBeUndefined();
});

test('each component is checked at its own period and fails after its own threshold', async () => {
  const world = fakeWorld({ processes: { frontend: { readyMs: 0 }, worker: { readyMs: 0 } } });
  const looks: string[] = [];
  const check = async ({ url }: { url: string }) => {
    looks.push(new URL(url).hostname);
    return url.includes('worker') ? 'no answer' : undefined;
  };
  const plan = planWith({ liveness: { periodSeconds: 60, failureThreshold: 2 } });
  const supervision = supervised(plan, { ...world, prober: { ...world.prober, check } });
  const unhealthy = () => world.events.filter(({ type }) => type === 'unhealthy').length;
  await world.clock.advance(61_000);
  expect(looks.filter((name) => name === 'worker')).toHaveLength(1);
  expect(looks.filter((name) => name === 'frontend')).toHaveLength(12);
  expect(unhealthy()).toBe(0);
  await world.clock.advance(60_000);
  expect(unhealthy()).toBe(1);
  supervision.stop();
  await world.clock.advance(5_000);
  await supervision.done;
});
