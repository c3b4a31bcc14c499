/** The supervisor in single scenarios: up, crash, time-out, stop, kill. */
import { expect, test } from 'vitest';
import { DynamoError } from '../../../src/base/error.ts';
import type { ServingPlan, ProcessSpec } from '../../../src/plan/plan.ts';
import { disaggregated, fakePlan, frontend, profileOf, worker } from '../../support/profile.ts';
import {
  fakeWorld,
  type ProcessScript,
  proof,
  supervised,
  type WorldScript,
} from '../../support/fake-world.ts';
import { collectGarbage } from '../../support/garbage.ts';

const names = ['frontend', 'prefill', 'decode-1', 'decode-2'];
const all = (
  script: ProcessScript,
  change: Readonly<Record<string, ProcessScript>> = {},
): Record<string, ProcessScript> => ({
  ...Object.fromEntries(names.map((name) => [name, script])),
  ...change,
});

function begin(script: WorldScript = {}, plan: ServingPlan = fakePlan()) {
  const world = fakeWorld(script);
  return { world, plan, supervision: supervised(plan, world) };
}

const statesOf = ({ events }: ReturnType<typeof fakeWorld>, name: string): string[] =>
  events.flatMap((event) => (event.type === 'process' && event.process === name ? [event.state] : []));

function restarting({
  maxRestarts,
  startupTimeoutMs = 10_000,
}: {
  maxRestarts: number;
  startupTimeoutMs?: number;
}): ServingPlan {
  const plan = fakePlan();
  const restart = {
    policy: 'on-failure',
    maxRestarts,
    windowMs: 60_000,
    firstDelayMs: 100,
    maxDelayMs: 1_000,
  } as const;
  return { ...plan, processes: plan.processes.map((spec) => ({ ...spec, restart, startupTimeoutMs })) };
}

const stopsOf = ({ notes }: ReturnType<typeof fakeWorld>): string[] =>
  notes.flatMap((note) => (note.what === 'stop' ? [note.process] : []));

test('a deployment starts, proves that it serves, and is stopped in order on request', async () => {
  const { world, supervision } = begin();
  await world.clock.advance(1);
  expect(await supervision.ready).toEqual(proof);
  supervision.stop();
  await world.clock.advance(10);
  expect(await supervision.done).toEqual({ killed: [], left: [] });
  expect(stopsOf(world)).toEqual(['frontend', 'decode-1', 'decode-2', 'prefill']);
  const told = world.events.map((event) => (event.type === 'run' ? event.phase : event.type));
  expect(told.filter((type) => type !== 'process' && type !== 'waiting')).toEqual([
    'starting',
    'proving',
    'ready',
    'stopping',
    'stopped',
  ]);
});

test('a process starts only when its dependencies are ready', async () => {
  const profile = profileOf({
    components: {
      frontend,
      first: worker('prefill'),
      second: worker('decode', { dependsOn: { first: 'ready' } }),
    },
  });
  const processes = { frontend: { readyMs: 0 }, first: { readyMs: 50 }, second: { readyMs: 0 } };
  const { world } = begin({ processes }, fakePlan(profile));
  const launched = (): string[] =>
    world.notes.flatMap((note) => (note.what === 'launch' ? [note.process] : []));
  await world.clock.advance(49);
  expect(launched()).toEqual(['frontend', 'first']);
  await world.clock.advance(1);
  expect(launched()).toEqual(['frontend', 'first', 'second']);
});

test.each([
  [{ code: 3, signal: undefined }, 'prefill exited with code 3'],
  [{ code: 0, signal: undefined }, 'prefill exited with code 0'],
  [{ code: undefined, signal: 'SIGSEGV' }, 'prefill was ended by SIGSEGV'],
])('a crash names the process and how it ended (%j), and stops the rest', async (exit, message) => {
  const { world, supervision, plan } = begin({
    processes: all({ readyMs: 5 }, { prefill: { readyMs: 5, exitMs: 20, exit } }),
  });
  await world.clock.advance(100);
  const logFile = plan.processes.find(({ name }) => name === 'prefill')?.logFile;
  expect(await supervision.done).toEqual({
    killed: [],
    left: [],
    failure: { code: 'process-failed', message, process: 'prefill', logFile, exit, fields: { pid: 102 } },
  });
  expect(new Set(stopsOf(world))).toEqual(new Set(names));
});

test('a crash before anything is ready ends the wait at once', async () => {
  const { world, supervision } = begin({ processes: all({}, { 'decode-1': { exitMs: 7 } }) });
  await world.clock.advance(20);
  expect(await supervision.ready).toBeUndefined();
  expect(await supervision.done).toMatchObject({ failure: { process: 'decode-1' } });
});

test('two crashes are one failure: the first', async () => {
  const { world, supervision } = begin({ processes: all({ exitMs: 30 }, { prefill: { exitMs: 20 } }) });
  await world.clock.advance(100);
  expect(await supervision.done).toMatchObject({ failure: { process: 'prefill' } });
  expect(world.events.filter(({ type }) => type === 'failed')).toHaveLength(1);
});

test('a process that is not ready in time fails with the last state seen', async () => {
  const plan = fakePlan();
  const processes = plan.processes.map((spec) => ({
    ...spec,
    startupTimeoutMs: spec.name === 'prefill' ? 3_000 : 9_000,
  }));
  const { world, supervision } = begin(
    { processes: all({}), lastSeen: 'connection refused' },
    { ...plan, processes },
  );
  await world.clock.advance(2_999);
  expect(world.events.some(({ type }) => type === 'failed')).toBe(false);
  await world.clock.advance(100);
  expect(await supervision.done).toMatchObject({
    failure: {
      code: 'not-ready',
      message: 'prefill was not ready within 3 s; last seen: connection refused',
      process: 'prefill',
    },
  });
});

test('a deployment that is not ready in time fails as a whole', async () => {
  const { world, supervision } = begin(
    { instancesMs: 10_000 },
    fakePlan(disaggregated, { readyTimeoutMs: 4_000 }),
  );
  await world.clock.advance(5_000);
  expect(await supervision.done).toMatchObject({
    failure: { code: 'not-ready', message: 'the deployment was not ready within 4 s' },
  });
});

test('once it serves, no time-out applies', async () => {
  const { world, supervision } = begin({}, fakePlan(disaggregated, { readyTimeoutMs: 4_000 }));
  await world.clock.advance(1e7);
  expect(world.events.at(-1)?.type).toBe('ready');
  supervision.stop();
  await world.clock.advance(10);
  expect(await supervision.done).not.toHaveProperty('failure');
});

test('the time-out of a process survives garbage collection', async () => {
  const { world, supervision } = begin({ processes: all({}) });
  await world.clock.advance(1);
  collectGarbage();
  await world.clock.advance(2_000_000);
  expect(await supervision.done).toMatchObject({ failure: { code: 'not-ready' } });
});

test('a problem that the prober finds is reported as such, not as a time-out', async () => {
  const readyWrong = new DynamoError('busy', 'Port 10001 answers, but another process listens there.', {
    hint: 'ss -ltnp',
  });
  const { world, supervision } = begin({ readyWrong });
  await world.clock.advance(10);
  expect(await supervision.done).toMatchObject({
    failure: { code: 'busy', message: readyWrong.message, hint: 'ss -ltnp' },
  });
});

test('a port that belongs to another process stops everything', async () => {
  const foreignListener = new DynamoError('busy', 'Port 8000 answers, but pid 7 listens there.', {
    hint: 'ss -ltnp',
  });
  const { world, supervision } = begin({ foreignListener });
  await world.clock.advance(10);
  expect(await supervision.done).toMatchObject({
    failure: { code: 'busy', message: foreignListener.message, hint: 'ss -ltnp' },
  });
});

test('a wrong answer to the proof request stops everything', async () => {
  const servesWrong = new DynamoError('not-ready', 'up but does not serve: no tokens');
  const { world, supervision } = begin({ servesWrong });
  await world.clock.advance(10);
  expect(await supervision.ready).toBeUndefined();
  expect(await supervision.done).toMatchObject({
    failure: { code: 'not-ready', message: servesWrong.message },
  });
});

test('a failed launch is a failure, and its process ends as stopped', async () => {
  const { world, supervision } = begin({
    processes: all({ readyMs: 0 }, { prefill: { launchFails: true } }),
  });
  await world.clock.advance(10);
  expect(await supervision.done).toMatchObject({
    failure: { message: expect.stringContaining('prefill cannot be launched') },
  });
  const states = world.events.flatMap((event) =>
    event.type === 'process' && event.process === 'prefill' ? [event.state] : [],
  );
  expect(states).toEqual(['starting', 'failed', 'stopped']);
});

test('a launch in progress during a stop is waited for and stopped', async () => {
  const { world, supervision } = begin({ processes: all({ readyMs: 0 }, { frontend: { launchMs: 50 } }) });
  await world.clock.advance(10);
  supervision.stop();
  await world.clock.advance(20);
  expect(stopsOf(world)).toEqual([]);
  await world.clock.advance(50);
  await supervision.done;
  expect(stopsOf(world)).toContain('frontend');
});

test('a stop while processes start is not a failure', async () => {
  const { world, supervision } = begin({ processes: all({ launchMs: 2 }) });
  await world.clock.advance(5);
  supervision.stop();
  await world.clock.advance(10);
  expect(await supervision.done).toEqual({ killed: [], left: [] });
  expect(world.events.filter(({ type }) => type === 'failed')).toEqual([]);
});

test('kill speeds up a stop in progress and gives no grace to the rest', async () => {
  const { world, supervision } = begin({ processes: all({ readyMs: 0, stopMs: 5_000 }) });
  await world.clock.advance(10);
  supervision.stop();
  await world.clock.advance(10);
  supervision.kill();
  await world.clock.advance(0);
  const outcome = await supervision.done;
  expect(outcome.killed).toHaveLength(4);
  expect(world.clock.now()).toBe(1_020);
  const graces = world.notes.flatMap((note) => (note.what === 'stop' ? [note.graceMs] : []));
  expect(graces).toEqual([10_000, 0, 0, 0]);
});

test('--stop-timeout limits all waves together', async () => {
  const { world, supervision } = begin(
    { processes: all({ readyMs: 0, stopMs: 600 }) },
    fakePlan(disaggregated, { stopTimeoutMs: 1_000 }),
  );
  await world.clock.advance(10);
  supervision.stop();
  await world.clock.advance(1_000);
  const outcome = await supervision.done;
  expect(outcome.killed.map((text) => text.replace(/\d+ /, ''))).toEqual([
    '(decode-1)',
    '(decode-2)',
    '(prefill)',
  ]);
});

test('a process that cannot be stopped is reported and does not block the others', async () => {
  const { world, supervision } = begin({
    processes: all({ readyMs: 0 }, { frontend: { readyMs: 0, stopFails: true } }),
  });
  await world.clock.advance(10);
  supervision.stop();
  await world.clock.advance(10);
  const outcome = await supervision.done;
  expect(outcome.left).toEqual([expect.stringMatching(/^\d+ \(frontend: not permitted\)$/)]);
  expect(stopsOf(world).toSorted()).toEqual(names.toSorted());
});

test('a lost process is restarted by the policy of its plan, and the run continues', async () => {
  const { world, supervision } = begin(
    { processes: all({ readyMs: 0 }, { prefill: { readyMs: 0, exitMs: 500 } }) },
    restarting({ maxRestarts: 3 }),
  );
  await world.clock.advance(700);
  const states = statesOf(world, 'prefill');
  expect(states).toEqual([
    'starting',
    'started',
    'ready',
    'failed',
    'backoff',
    'starting',
    'started',
    'ready',
  ]);
  supervision.stop();
  await world.clock.advance(10);
  expect(await supervision.done).toEqual({ killed: [], left: [] });
});

test('a process that is lost again and again is reported as a crash loop', async () => {
  const { world, supervision } = begin(
    { processes: all({ readyMs: 0 }, { prefill: { readyMs: 0, exitMs: 500 } }) },
    restarting({ maxRestarts: 2 }),
  );
  await world.clock.advance(10_000);
  expect(await supervision.done).toMatchObject({
    failure: { message: 'prefill exited with code 1; crash loop: it was restarted 2 times' },
  });
});

test('a restart that is not ready in time counts as lost, and every life is reported', async () => {
  const { world, supervision } = begin(
    { processes: all({ readyMs: 0 }, { prefill: { readyMs: 0, laterReadyMs: 1e9, exitMs: 500 } }) },
    restarting({ maxRestarts: 2, startupTimeoutMs: 300 }),
  );
  await world.clock.advance(10_000);
  expect(await supervision.done).toMatchObject({ failure: { code: 'not-ready', process: 'prefill' } });
  const life = ['starting', 'started'];
  expect(statesOf(world, 'prefill').filter((state) => life.includes(state))).toEqual([
    ...life,
    ...life,
    ...life,
  ]);
});

test('twenty processes are watched without a warning about listeners', async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listen);
  const many = profileOf({ components: { frontend, w: worker('aggregated', { replicas: 20 }) } });
  const { world, supervision } = begin({}, fakePlan(many));
  await world.clock.advance(5);
  supervision.stop();
  await world.clock.advance(10);
  await supervision.done;
  process.off('warning', listen);
  expect(warnings).toEqual([]);
});

function withProcesses(change: Partial<ProcessSpec>): ServingPlan {
  const plan = fakePlan();
  return { ...plan, processes: plan.processes.map((spec) => ({ ...spec, ...change })) };
}

test('a process that lost a vital child has failed, and gets the planned time to stop', async () => {
  const { world, supervision } = begin(
    { processes: all({ readyMs: 1 }, { prefill: { readyMs: 1, degradedMs: 50 } }) },
    withProcesses({ degradedStopGraceMs: 2_000 }),
  );
  await world.clock.advance(5_000);
  expect((await supervision.done).failure?.message).toBe(
    'prefill is alive but unhealthy: its scheduler (pid 7) ended',
  );
  expect(world.notes.find((note) => note.what === 'stop')).toMatchObject({
    process: 'prefill',
    graceMs: 2_000,
  });
});

test('a process that loses it before it is ready has failed to start', async () => {
  const { world, supervision } = begin({
    processes: all({ readyMs: 1 }, { prefill: { readyMs: 9_000, degradedMs: 50 } }),
  });
  await world.clock.advance(5_000);
  expect((await supervision.done).failure?.message).toMatch(/its scheduler \(pid 7\) ended/);
});

test('children that end on request are not reported', async () => {
  const { world, supervision } = begin({ processes: all({ readyMs: 1, stopMs: 500, degradedMs: 100 }) });
  await world.clock.advance(50);
  supervision.stop();
  await world.clock.advance(5_000);
  await supervision.done;
  expect(world.events.filter(({ type }) => type === 'unhealthy')).toEqual([]);
});

test('a loading process gets little time to stop, a ready one its full grace', async () => {
  const loading = { readyMs: 60_000, stopMs: 20_000 };
  const { world, supervision } = begin({ processes: all({ readyMs: 0 }, { prefill: loading }) });
  await world.clock.advance(100);
  supervision.stop();
  await world.clock.advance(10_000);
  expect((await supervision.done).killed).toHaveLength(1);
  const graces = world.notes.flatMap((note) => (note.what === 'stop' ? [[note.process, note.graceMs]] : []));
  expect(graces).toContainEqual(['prefill', 5_000]);
  expect(graces).toContainEqual(['frontend', 10_000]);
});

test('without a loading grace in the plan, a loading process gets its full grace', async () => {
  const processes = all({ readyMs: 0 }, { prefill: { readyMs: 60_000, stopMs: 8_000 } });
  const { world, supervision } = begin({ processes }, withProcesses({ loadingStopGraceMs: undefined }));
  await world.clock.advance(100);
  supervision.stop();
  await world.clock.advance(10_000);
  expect((await supervision.done).killed).toEqual([]);
});
