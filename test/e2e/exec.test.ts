/** `exec`: a command gets a deployment while it runs, and hears of signals and failures first. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { leftovers } from '../oracle/leftovers.ts';
import { isLiving } from '../oracle/proc.ts';
import { dynamo, type Ended, type Session, shellCode, start } from './harness/cli.ts';
import { faulty, onSim, pidOf, ps } from './harness/deployment.ts';
import { until } from '../support/until.ts';
import { test, type World } from './harness/world.ts';

async function exec(world: World, profile: string, command: readonly string[]): Promise<Ended> {
  return await dynamo(world, ['exec', profile, ...(await onSim()), '--', ...command]);
}

/** Prints `ready` and runs until it is signalled; then sends one more request and exits with 5. */
const patient = `
const got = [];
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, async () => {
    if (got.push(signal) > 1) return;
    const { status } = await fetch(process.env.OPENAI_BASE_URL + '/models').catch(() => ({ status: 'nobody' }));
    // Long enough to notice a second delivery of the same signal.
    setTimeout(() => {
      console.log('got', got.join(), status);
      process.exit(5);
    }, 300);
  });
}
setInterval(() => {}, 1000);
console.log('ready');
`;

async function underWay(
  world: World,
  profile: string,
  command: readonly string[],
  ...flags: string[]
): Promise<Session> {
  const words = ['exec', profile, ...(await onSim()), ...flags, '--', ...command];
  const session = start(world, words, { ownGroup: true });
  await session.until(/ready\n/);
  return session;
}

test('the command gets the variables, stdout has only its output, and exec returns its exit code', async ({
  world,
}) => {
  const script = `
    const { OPENAI_BASE_URL: base, OPENAI_MODEL: model, OPENAI_API_KEY: key } = process.env;
    const answer = await fetch(base + '/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer ' + key },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'x' }], max_tokens: 4 }),
    });
    const ours = Object.keys(process.env).filter((name) => name.startsWith('DYNAMO_')).sort();
    console.log(JSON.stringify({ status: answer.status, key, ours, args: process.argv.slice(1) }));
    process.exit(7);`;
  const command = ['node', '--input-type=module', '-e', script, '--', 'a b', '--json'];
  const { code, stdout, stderr } = await exec(world, 'disagg', command);
  expect({ code, stderr }).toMatchObject({ code: 7 });
  expect(JSON.parse(stdout)).toEqual({
    status: 200,
    key: 'EMPTY',
    // DYNAMO_PORTS is set by the test environment.
    ours: ['DYNAMO_ENGINE', 'DYNAMO_LOGS', 'DYNAMO_PORTS', 'DYNAMO_PROFILE', 'DYNAMO_RUN', 'DYNAMO_URL'],
    args: ['a b', '--json'],
  });
  expect(stderr).toMatch(/^dynamo: exec-disagg-\w+ is up at http:\S+ \(engine sim\)\n$/);
});

test('the command reads stdin', async ({ world }) => {
  const words = ['exec', 'agg', ...(await onSim()), '-q', '--', 'cat'];
  const session = start(world, words, { stdio: ['pipe', 'pipe', 'pipe'] });
  session.child.stdin?.end('hello\n');
  expect(await session.ended).toMatchObject({ code: 0, stdout: 'hello\n', stderr: '' });
});

test('a command ended by a signal returns 128 + n', async ({ world }) => {
  expect((await exec(world, 'agg', ['sh', '-c', 'kill -9 $$'])).code).toBe(137);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} goes to the command first and once, while the deployment still answers`, async ({
    world,
  }) => {
    const session = await underWay(world, 'agg', ['node', '-e', patient]);
    process.kill(-session.pid, signal);
    const { code, stdout } = await session.ended;
    expect(stdout).toBe(`ready\ngot ${signal} 200\n`);
    expect(code).toBe(5);
  });
}

test('a second Ctrl-C ends a command that ignores the first, with everything it started', async ({
  world,
}) => {
  const deaf = 'trap "" INT TERM; sleep 300 & echo ready; wait; sleep 300';
  const session = await underWay(world, 'agg', ['sh', '-c', deaf]);
  process.kill(session.pid, 'SIGINT');
  // Longer than the time between two deliveries of one key press.
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(session.child.exitCode).toBeNull();
  process.kill(session.pid, 'SIGINT');
  expect(shellCode(await session.ended)).toBe(137);
});

test('after Ctrl-C during start-up, the command never runs', async ({ world }) => {
  const slow = faulty(world, 'agg', { worker: ['--startup-time', '30'] });
  const words = ['exec', slow, ...(await onSim()), '-v', '--', 'sh', '-c', 'echo > ran'];
  const session = start(world, words, { ownGroup: true });
  await session.until(/worker started/);
  process.kill(-session.pid, 'SIGINT');
  expect(shellCode(await session.ended)).toBe(130);
  expect(() => readFileSync(join(world.work, 'ran'))).toThrow();
});

test('a failed deployment ends the command and reports the error', async ({ world }) => {
  const session = await underWay(world, 'agg', ['node', '-e', patient]);
  process.kill(await pidOf(world, 'worker'), 'SIGKILL');
  const { code, stdout, stderr } = await session.ended;
  expect(stdout).toMatch(/^ready\ngot SIGTERM /);
  expect(stderr).toMatch(/^dynamo: the deployment failed: .*worker.*SIGKILL/m);
  expect(stderr).toMatch(/^error: .*worker.*SIGKILL/m);
  expect(code).toBe(1);
});

test('a deployment stopped by someone else ends the command and is an error', async ({ world }) => {
  const session = await underWay(world, 'agg', ['node', '-e', patient]);
  const [run] = await ps(world);
  await dynamo(world, ['down', run?.runId ?? '']);
  const { code, stdout, stderr } = await session.ended;
  expect(stdout).toMatch(/^ready\ngot SIGTERM /);
  expect(stderr).toContain('was stopped while the command ran');
  expect(code).toBe(1);
});

test('after kill -9 of exec, the keeper stops the deployment', async ({ world }) => {
  const session = await underWay(world, 'agg', [
    'sh',
    '-c',
    'echo ready; for i in $(seq 300); do sleep 0.1; [ -e stop ] && exit; done',
  ]);
  process.kill(session.pid, 'SIGKILL');
  // The command belongs to the user: it keeps running, with our streams open.
  writeFileSync(join(world.work, 'stop'), '');
  await session.ended;
  await until('the keeper to be done', () => leftovers(world).length === 0);
});

test('a command that cannot run is refused before anything starts', async ({ world }) => {
  for (const [words, code, text] of [
    [['exec', 'agg'], 64, 'needs a command after --'],
    [['exec', 'agg', 'pytest', '-q'], 64, ''],
    [['exec', 'agg', '--', 'no-such-program'], 78, 'The program "no-such-program" was not found'],
    [['exec', 'nosuch', '--', 'cat'], 66, 'nosuch'],
  ] as const) {
    const ended = await dynamo(world, words);
    expect({ code: ended.code, said: ended.stderr.includes(text) }, ended.stderr).toEqual({
      code,
      said: true,
    });
  }
  expect(await ps(world, '--all')).toEqual([]);
});

test('after kill -9 of `exec`, the command and everything it started end', async ({ world }) => {
  const script = 'sleep 77 & echo "child $! of $$"; wait';
  const session = start(world, ['exec', 'agg', ...(await onSim()), '--', 'sh', '-c', script]);
  await session.until(/child \d+ of \d+/);
  const pids = /child (\d+) of (\d+)/.exec(session.stdout())?.slice(1).map(Number) ?? [];
  expect(pids.map(isLiving)).toEqual([true, true]);
  session.child.kill('SIGKILL');
  await until('the command and its child are gone', () => !pids.some(isLiving));
  await until('the run is gone', () => leftovers(world).length === 0);
});

test('processes that a command left running on purpose are not touched after it succeeds', async ({
  world,
}) => {
  const script = 'sleep 77 >/dev/null 2>&1 & echo "daemon $!"';
  const { code, stdout } = await exec(world, 'agg', ['sh', '-c', script]);
  const pid = Number(/daemon (\d+)/.exec(stdout)?.[1]);
  expect([code, isLiving(pid)]).toEqual([0, true]);
  expect((await dynamo(world, ['clean'])).code).toBe(0);
  expect(isLiving(pid)).toBe(true);
  process.kill(pid, 'SIGKILL');
  await until('it is gone', () => !isLiving(pid));
});

test('a command does not start before it is in the ledger', async ({ world }) => {
  const { code, stdout } = await exec(world, 'agg', [
    'sh',
    '-c',
    `grep -c '"process":"exec"' "$DYNAMO_LOGS/../ledger.jsonl"`,
  ]);
  expect([code, stdout.trim()]).toEqual([0, '1']);
});
