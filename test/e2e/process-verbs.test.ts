/** One process of a live run: stop, start, restart; restarts after crashes in a detached run. */
import { expect } from 'vitest';
import { dynamo, shellCode, start, succeed } from './harness/cli.ts';
import { faulty, pidOf, ps, up } from './harness/deployment.ts';
import { until } from '../support/until.ts';
import { test } from './harness/world.ts';

test('stops, starts and restarts a process on its ports, by name or by component', async ({ world }) => {
  const running = await up(world, 'agg', ['--replicas', 'worker=2']);
  const ports = running.processes.map((each) => each.ports);
  await succeed(world, ['stop', 'worker']);
  const [stopped] = await ps(world);
  expect(stopped?.processes.map(({ name, state }) => [name, state])).toEqual([
    ['frontend', 'ready'],
    ['worker-1', 'stopped'],
    ['worker-2', 'stopped'],
  ]);
  await succeed(world, ['start', 'worker-1']);
  const first = await pidOf(world, 'worker-1');
  await succeed(world, ['restart', 'worker-1']);
  expect(await pidOf(world, 'worker-1')).not.toBe(first);
  const [run] = await ps(world);
  expect(run?.processes.map((each) => each.ports)).toEqual(ports);
  const answer = await running.client.chat.completions.create({
    model: running.model,
    messages: [{ role: 'user', content: 'Hello' }],
  });
  expect(answer.usage?.completion_tokens).toBeGreaterThan(0);
  await succeed(world, ['down']);
});

test('impossible requests are refused with their exit codes', async ({ world }) => {
  expect(await dynamo(world, ['stop', 'worker'])).toMatchObject({ code: 66 });
  await up(world, 'agg');
  expect(await dynamo(world, ['stop', 'wroker'])).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('worker'),
  });
  expect(await dynamo(world, ['start', 'worker'])).toMatchObject({ code: 75 });
  await succeed(world, ['down']);
});

test('in a detached run, a killed worker is restarted', async ({ world }) => {
  await up(world, 'disagg');
  const before = await pidOf(world, 'decode');
  process.kill(before, 'SIGKILL');
  await until('decode to be ready again', async () => {
    const [run] = await ps(world);
    const decode = run?.processes.find(({ name }) => name === 'decode');
    return decode?.state === 'ready' && decode.pid !== before;
  });
  await succeed(world, ['down']);
});

test('wait, events and attach follow a run from its start to its end', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  expect((await succeed(world, ['wait', '--timeout', '5'])).stderr).toContain(`${runId} is ready`);
  expect(await dynamo(world, ['wait', '--for', 'stopped', '--timeout', '0.2'])).toMatchObject({ code: 69 });
  const events = start(world, ['events', '--json']);
  const attached = start(world, ['attach']);
  const left = start(world, ['attach']);
  await Promise.all([events.until(/"type":"ready"/), attached.until(/worker +\|/), left.until(/worker +\|/)]);
  left.child.kill('SIGINT');
  expect(await left.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('keeps running') });
  const stopped = start(world, ['wait', '--for', 'stopped']);
  await succeed(world, ['down']);
  expect(await attached.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing is left') });
  expect(await stopped.ended).toMatchObject({ code: 0 });
  const types = (await events.ended).stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { type: string }).type);
  expect([types[0], types.at(-1)]).toEqual(['run', 'stopped']);
  expect(await dynamo(world, ['wait'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`Run ${runId} has ended.`),
  });
});

test('wait reports a failed run with the reason', async ({ world }) => {
  const profile = faulty(world, 'agg', { worker: ['--startup-time', '0.3', '--crash-after', '0.2'] });
  const failed = start(world, ['up', profile, '--detach', '--engine', 'sim']);
  await until('the run to be known', async () => (await ps(world)).length > 0);
  const waited = await dynamo(world, ['wait', 'faulty']);
  expect(waited).toMatchObject({ code: 1, stderr: expect.stringContaining('worker exited with code 1') });
  expect(await failed.ended).toMatchObject({ code: 1 });
});

test('`ps` shows health, CPU and memory of a process with its children, and `--watch` refreshes', async ({
  world,
}) => {
  await up(world, faulty(world, 'agg', { worker: ['--spawn-children', '2'] }));
  const [run] = await ps(world);
  for (const each of run?.processes ?? []) {
    expect(each).toMatchObject({ state: 'ready', health: 'healthy' });
    expect(each.memoryBytes).toBeGreaterThan(2 ** 20);
    expect(each.cpuPercent).toBeGreaterThan(0);
  }
  const session = start(world, ['ps', '--watch', '--json']);
  // The proof request in the metrics of both, and a rate from two samples.
  await session.until(
    /"kind":"frontend","name":"frontend","answers":true,"requests":1,"requestsPerSecond":0,/,
  );
  await session.until(/"kind":"worker","name":"worker",.*"requests":1,.*"kvUsage":0\.\d+/);
  process.kill(session.pid, 'SIGINT');
  const { stdout, ...ended } = await session.ended;
  expect(shellCode({ stdout, ...ended })).toBe(130);
  expect(JSON.parse(stdout.split('\n')[1] ?? '')).toMatchObject({ version: 1, runs: [{ state: 'ready' }] });
  await succeed(world, ['down']);
});
