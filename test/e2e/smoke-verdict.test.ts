/** `smoke` ends with a result and a clean machine, whatever happens to the deployment or to itself. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { leftovers } from '../oracle/leftovers.ts';
import { dynamo, type Session, shellCode, start, succeed } from './harness/cli.ts';
import { faulty, onSim, pidOf, ps, up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { until } from '../support/until.ts';
import { test, type World } from './harness/world.ts';

/** Its answers take seconds, so that faults can happen meanwhile. */
function slow(world: World): string {
  return faulty(world, 'agg', { worker: ['--tokens-per-second', '8'] });
}

async function underWay(world: World, ...flags: readonly string[]): Promise<Session> {
  const session = start(world, ['smoke', slow(world), ...(await onSim()), '--junit', 'out.xml', ...flags], {
    ownGroup: true,
  });
  await session.until(/passed up/);
  return session;
}

function junit(world: World): string {
  return readFileSync(join(world.work, 'out.xml'), 'utf8');
}

test('a hung worker fails after the time-out', async ({ world }) => {
  const session = await underWay(world, '--case-timeout', '8', '--stop-timeout', '2', '--fail-fast');
  process.kill(await pidOf(world, 'worker'), 'SIGSTOP');
  const { code, stdout } = await session.ended;
  expect(code).toBe(1);
  expect(stdout).toMatch(/failed .*not finished within 8 s/);
  expect(junit(world)).toContain('not finished within 8 s');
});

test('if a worker dies, the current case fails with the reason and the rest is not tried', async ({
  world,
}) => {
  const session = await underWay(world);
  process.kill(await pidOf(world, 'worker'), 'SIGKILL');
  const { code, stdout } = await session.ended;
  expect(code).toBe(1);
  expect(stdout).toMatch(/failed .*the deployment failed: .*worker.*SIGKILL/);
  expect(stdout).toMatch(/^concurrency +skipped .*not run/m);
  expect(stdout).toMatch(/^down +passed .*nothing is left/m);
  expect(stdout.match(/ failed /g)).toHaveLength(1);
  expect(junit(world)).toContain('==&gt; worker &lt;==');
});

test('a deployment that fails to start is a failed case with the reason', async ({ world }) => {
  const broken = faulty(world, 'agg', { worker: ['--crash-after', '0'] });
  const { code, stdout, stderr } = await dynamo(world, [
    'smoke',
    broken,
    ...(await onSim()),
    '--artifacts',
    'kept',
  ]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^up +failed .*worker exited with code 1/m);
  expect(stderr).toContain('worker exited with code 1');
  expect(readFileSync(join(world.work, 'kept/faulty/logs/worker.log'), 'utf8')).toContain('simulated crash');
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} stops everything, and the reports are written`, async ({ world }) => {
    const session = await underWay(world);
    process.kill(session.pid, signal);
    const ended = await session.ended;
    expect(shellCode(ended)).toBe(code);
    expect(ended.stdout).toMatch(/^down +passed/m);
    expect(junit(world)).toContain(`received ${signal}`);
  });
}

test('after kill -9 of smoke, the keeper stops everything', async ({ world }) => {
  const session = await underWay(world);
  process.kill(session.pid, 'SIGKILL');
  await session.ended;
  await until('the keeper to be done', () => leftovers(world).length === 0);
});

test('--fail-fast skips everything after the first failure', async ({ world }) => {
  const broken = faulty(world, 'agg', { frontend: ['--fault', 'chat-stream'] });
  const { code, stdout } = await dynamo(world, [
    'smoke',
    broken,
    'disagg',
    ...(await onSim()),
    '--fail-fast',
    '--json',
  ]);
  expect(code).toBe(1);
  const { suites } = JSON.parse(stdout) as { suites: { cases: { name: string; state: string }[] }[] };
  const states = suites.map(({ cases }) => cases.map(({ name, state }) => `${name} ${state}`));
  expect(states[0]?.slice(0, 4)).toEqual([
    'up passed',
    'chat passed',
    'chat-stream failed',
    'two-turns skipped',
  ]);
  expect(states[0]?.at(-1)).toBe('down passed');
  expect(states[1]).toEqual(['up skipped']);
});

test('--repeat and --artifacts: each round has its own name, run and logs', async ({ world }) => {
  const { stdout } = await succeed(world, [
    'smoke',
    'agg',
    ...(await onSim()),
    '--repeat',
    '2',
    '--artifacts',
    'kept',
  ]);
  expect(stdout).toMatch(/^agg #1 +passed/m);
  expect(stdout).toMatch(/^agg #2 +passed/m);
  for (const folder of ['agg-1', 'agg-2']) {
    for (const file of ['logs/frontend.log', 'logs/worker.log', 'plan.json', 'events.jsonl']) {
      expect(existsSync(join(world.work, 'kept', folder, file)), `${folder}/${file}`).toBe(true);
    }
  }
  expect(new Set((await ps(world, '--all')).map(({ runId }) => runId)).size).toBe(2);
});

test('--keep-on-failure keeps failed deployments and stops passed ones', async ({ world }) => {
  const broken = faulty(world, 'agg', { frontend: ['--fault', 'chat'] });
  const words = ['smoke', 'agg', broken, ...(await onSim()), '--keep-on-failure', '--json'];
  const { code, stdout } = await dynamo(world, words);
  expect(code).toBe(1);
  const { suites } = JSON.parse(stdout) as { suites: { runId: string; cases: { state: string }[] }[] };
  expect(suites.map(({ cases }) => cases.at(-1)?.state)).toEqual(['passed', 'skipped']);
  const runs = await ps(world);
  expect(runs).toMatchObject([{ runId: suites[1]?.runId, state: 'ready' }]);
  expect((await fetch(`${runs[0]?.url}/v1/models`)).status).toBe(200);
  await succeed(world, ['down']);
});

test('--keep-on-failure reports a dead deployment as usual and keeps nothing', async ({ world }) => {
  const session = await underWay(world, '--keep-on-failure');
  process.kill(await pidOf(world, 'worker'), 'SIGKILL');
  const { code, stdout } = await session.ended;
  expect(code).toBe(1);
  expect(stdout).toMatch(/failed .*the deployment failed: .*worker.*SIGKILL/);
  expect(stdout).toMatch(/^down +passed .*nothing is left/m);
});

test('a smoke test runs alongside a run of the same profile', async ({ world }) => {
  const running = await up(world, 'agg');
  await succeed(world, ['smoke', 'agg', ...(await onSim())]);
  expect((await running.client.models.list()).data).toHaveLength(1);
  await succeed(world, ['down']);
});

test('--url tests a deployment of someone else and leaves it alone', async ({ world }) => {
  const { url } = await up(world, 'disagg_router');
  const plain = await succeed(world, ['smoke', '--url', url]);
  expect(plain.stdout).toMatch(/^cancelled-stream +passed/m);
  expect(plain.stdout).toMatch(/^metrics +passed/m);
  expect(plain.stdout).not.toMatch(/^(up|down|disagg-roles|kv-reuse) /m);
  const known = await succeed(world, ['smoke', 'disagg_router', '--url', `${url}/v1/`]);
  expect(known.stdout).toMatch(/^kv-reuse +passed/m);
  expect((await ps(world)).map(({ state }) => state)).toEqual(['ready']);
  await succeed(world, ['down']);
});

test('--url without an answer exits with 69', async ({ world }) => {
  const { code, stderr } = await dynamo(world, ['smoke', '--url', `http://127.0.0.1:${await freePort()}`]);
  expect(code).toBe(69);
  expect(stderr).toContain('/v1/models: connect ECONNREFUSED');
});

test('on GitHub, failures are annotated and the job gets a summary; not elsewhere', async ({ world }) => {
  const broken = faulty(world, 'embeddings', { frontend: ['--fault', 'embeddings'] });
  const summary = join(world.work, 'summary.md');
  writeFileSync(summary, 'before\n');
  const words = ['smoke', broken, ...(await onSim())];
  const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary };
  const { stderr } = await dynamo(world, words, { env });
  expect(stderr).toMatch(/^::error title=dynamo smoke%3A faulty embeddings::equal texts have a cosine/m);
  expect(readFileSync(summary, 'utf8')).toMatch(/^before\n[^]*\| ❌ \| `faulty` \| sim \| 4 \| 1 \|/);
  expect((await dynamo(world, words)).stderr).not.toContain('::error');
});

test('impossible requests are refused before anything starts', async ({ world }) => {
  for (const [words, text] of [
    [['smoke'], 'needs a profile, or --all'],
    [['smoke', 'agg', '--all'], 'takes no profiles'],
    [['smoke', 'agg', 'disagg', '--http-port', '9000'], '--http-port applies to a single run'],
    [['smoke', 'agg', '--repeat', '0'], 'expected a number'],
    [['smoke', '--url', 'gpu7:8000'], 'expected http://host:port'],
  ] as const) {
    const { code, stderr } = await dynamo(world, words);
    expect({ code, said: stderr.includes(text) }, stderr).toEqual({ code: 64, said: true });
  }
  expect((await dynamo(world, ['smoke', 'agg', 'nosuch', ...(await onSim())])).code).toBe(66);
  expect(await ps(world, '--all')).toEqual([]);
});
