/** Failures after a deployment serves, and processes that do not exit. */
import { expect } from 'vitest';
import { isLiving, livingProcesses } from '../oracle/proc.ts';
import { dynamo, type Session, start, succeed } from './harness/cli.ts';
import { faulty, pidOf, ps, textBelow, up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { until } from '../support/until.ts';
import { test, type World } from './harness/world.ts';

async function foreground(world: World, profile: string, ...more: string[]): Promise<Session> {
  const port = String(await freePort());
  const session = start(world, ['up', profile, '--engine', 'sim', '--http-port', port, ...more]);
  await session.until(/is ready after/);
  return session;
}

test('a worker that crashes after ready stops the run and is named with its last log lines', async ({
  world,
}) => {
  const session = await foreground(world, faulty(world, 'disagg', { decode: ['--crash-after', '1.5'] }));
  const { code, stderr } = await session.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: decode exited with code 1/m);
  expect(stderr).toContain('RuntimeError: simulated crash because of --crash-after');
  expect(stderr).toMatch(/^log: .*decode\.log$/m);
});

test('an unrequested exit with code 0 is a failure', async ({ world }) => {
  const session = await foreground(world, faulty(world, 'agg', { worker: ['--exit-after', '1.5'] }));
  const { code, stderr } = await session.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: worker exited with code 0/m);
});

test('a worker killed from outside is named with the signal', async ({ world }) => {
  const session = await foreground(world, 'disagg');
  process.kill(await pidOf(world, 'prefill'), 'SIGKILL');
  const { code, stderr } = await session.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^(error: )?prefill was ended by SIGKILL/m);
});

test('children of a killed worker end with the run', async ({ world }) => {
  const faults = ['--spawn-children', '2', '--escape-children', '2'];
  const session = await foreground(world, faulty(world, 'agg', { worker: faults }));
  process.kill(await pidOf(world, 'worker'), 'SIGKILL');
  expect(await session.ended).toMatchObject({ code: 1 });
});

test('`down` ends the children in a group of a worker and those that escaped with setsid', async ({
  world,
}) => {
  const faults = ['--spawn-children', '2', '--escape-children', '2'];
  await up(world, faulty(world, 'agg', { worker: faults }));
  const worker = await pidOf(world, 'worker');
  const children = await until('four children', () => {
    const found = livingProcesses().filter(({ parent }) => parent === worker);
    return found.length === 4 && found;
  });
  expect(new Set(children.map(({ session }) => session)).size).toBe(3);
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toMatch(/is down: nothing is left/);
  expect(children.filter(({ pid }) => isLiving(pid))).toEqual([]);
});

test('a worker that ignores SIGTERM is killed after --stop-timeout, and that is reported', async ({
  world,
}) => {
  await up(world, faulty(world, 'agg', { worker: ['--ignore-sigterm'] }), ['--stop-timeout', '1']);
  const { stderr, tookMs } = await succeed(world, ['down']);
  expect(tookMs).toBeGreaterThan(800);
  expect(tookMs).toBeLessThan(9_000);
  expect(stderr).toMatch(/killed: \d+ \(.*worker/);
});

test('`down --now` does not wait for SIGTERM to work', async ({ world }) => {
  await up(world, faulty(world, 'agg', { worker: ['--ignore-sigterm'] }));
  const { code, tookMs } = await dynamo(world, ['down', '--now']);
  expect(code).toBe(0);
  expect(tookMs).toBeLessThan(9_000);
});

test('a worker whose scheduler dies fails at once, is named and restarted', async ({ world }) => {
  const run = await up(world, faulty(world, 'agg', { worker: ['--schedulers', '1'] }));
  const worker = await pidOf(world, 'worker');
  // The children of a ready worker are known: no need to wait.
  const [scheduler] = livingProcesses().filter(({ parent }) => parent === worker);
  const pid = scheduler?.pid ?? 0;
  process.kill(pid, 'SIGKILL');
  await until('it is failed and named', () =>
    textBelow(world.state).includes(`its sim::scheduler (pid ${pid}) ended`),
  );
  // For programs, as values.
  expect(textBelow(world.state)).toContain(`"lostChild":{"name":"sim::scheduler","pid":${pid}}`);
  await until('it is back', async () =>
    (await ps(world))[0]?.processes.every(({ state }) => state === 'ready'),
  );
  expect(await pidOf(world, 'worker')).not.toBe(worker);
  expect(isLiving(worker)).toBe(false);
  await run.client.chat.completions.create({ model: run.model, messages: [{ role: 'user', content: 'Hi' }] });
  await succeed(world, ['down']);
});
