/** Suspended supervisors and keepers: every command returns, healthy runs are shown, and every run can be ended. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { isLiving, livingProcesses } from '../oracle/proc.ts';
import { until } from '../support/until.ts';
import {
  type Ended,
  executable,
  type Session,
  shellCode,
  start,
  startCommand,
  succeed,
} from './harness/cli.ts';
import { faulty, onSim, pidOf, ps, type Running, up } from './harness/deployment.ts';
import { test, type World } from './harness/world.ts';

/** For commands with a limit of 3 s on an idle host. */
const returnsMs = 40_000;

async function suspend(pid: number): Promise<void> {
  // 0 would be our own process group.
  if (!(pid > 0)) throw new Error(`no process ${pid}`);
  process.kill(pid, 'SIGSTOP');
  await until(`${pid} to stand still`, () => stateOf(pid) === 'T');
  onTestFinished(() => void (isLiving(pid) && process.kill(pid, 'SIGCONT')));
}

function stateOf(pid: number): string | undefined {
  return livingProcesses().find((each) => each.pid === pid)?.state;
}

async function supervisorOf(world: World, { runId }: Running): Promise<number> {
  const run = (await ps(world)).find((each) => each.runId === runId);
  if (run === undefined) throw new Error(`no row for ${runId}`);
  return run.supervisorPid;
}

/** It is the same process when it ends the tree. */
function keeperOf(world: World, runId: string | undefined): number {
  const file = join(world.state, 'dynamo', 'runs', runId ?? '', 'keeper.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid;
}

async function foreground(world: World, ...more: string[]): Promise<Session> {
  const session = start(world, ['up', 'agg', ...(await onSim()), ...more], { ownGroup: true });
  await session.until(/is ready after/);
  return session;
}

/** Like `timeout 40`: a command that waits without a limit is killed and reported. */
async function returns(world: World, args: readonly string[]): Promise<Ended> {
  const session = start(world, args);
  const timer = setTimeout(() => session.child.kill('SIGKILL'), returnsMs);
  const ended = await session.ended;
  clearTimeout(timer);
  if (ended.signal === 'SIGKILL') throw new Error(`dynamo ${args.join(' ')} did not return: ${ended.stderr}`);
  return ended;
}

test('`ps` reports a suspended supervisor and still shows healthy runs', async ({ world }) => {
  const session = await foreground(world);
  await up(world, 'agg', ['--name', 'healthy']);
  await suspend(session.pid);
  const { code, stdout } = await returns(world, ['ps']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^agg +agg on sim +suspended/m);
  expect(stdout).toMatch(/^healthy +agg on sim +ready/m);
  expect(stdout).toContain(`suspended (stopped by a signal): fg, or kill -CONT ${session.pid}`);
  const rows = JSON.parse((await returns(world, ['ps', '--json'])).stdout) as { runs: unknown[] };
  expect(rows.runs).toMatchObject([
    { name: 'agg', state: 'ready', supervisor: 'suspended', trouble: expect.any(String) },
    { name: 'healthy', state: 'ready', supervisor: 'answering' },
  ]);
  await succeed(world, ['down', 'healthy']);
  process.kill(session.pid, 'SIGCONT');
  await succeed(world, ['down', 'agg']);
  expect(shellCode(await session.ended)).toBe(0);
});

test('`down` resumes a suspended supervisor, which stops its run in order', async ({ world }) => {
  const session = await foreground(world);
  await suspend(session.pid);
  const { code, stderr } = await returns(world, ['down']);
  expect(code).toBe(0);
  expect(stderr).toContain(`its supervisor (pid ${session.pid}) was suspended and has been resumed`);
  expect(stderr).toContain('is down: nothing is left');
  expect(stderr).not.toContain('SIGKILL');
  expect(shellCode(await session.ended)).toBe(0);
});

for (const [flags, what] of [
  [['--now'], 'at once'],
  [[], 'after its patience'],
] as const) {
  test(`a supervisor that cannot be resumed is ended ${what}, and its run from the ledger`, async ({
    world,
  }) => {
    const pid = await supervisorOf(world, await up(world, 'disagg', ['--stop-timeout', '1']));
    await suspend(pid);
    // It is suspended again each time it is resumed.
    const again = setInterval(() => isLiving(pid) && process.kill(pid, 'SIGSTOP'), 1);
    onTestFinished(() => clearInterval(again));
    const { code, stderr } = await returns(world, ['down', ...flags]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(`its supervisor (pid ${pid}) `);
    expect(stderr).toContain('is down: nothing is left');
    expect(isLiving(pid)).toBe(false);
  });
}

test('a request that timed out is not carried out when the supervisor resumes', async ({ world }) => {
  const pid = await supervisorOf(world, await up(world, 'agg'));
  const worker = await pidOf(world, 'worker');
  await suspend(pid);
  for (const verb of ['stop', 'restart']) {
    const { code, stderr } = await returns(world, [verb, 'worker']);
    expect(code).toBe(69);
    expect(stderr).toContain('is suspended (stopped by a signal)');
    expect(stderr).toContain(`kill -CONT ${pid}`);
  }
  process.kill(pid, 'SIGCONT');
  expect(await ps(world)).toMatchObject([
    { state: 'ready', processes: [{ state: 'ready' }, { state: 'ready' }] },
  ]);
  expect(await pidOf(world, 'worker')).toBe(worker);
  await succeed(world, ['down']);
});

test('commands that follow a run report a suspended supervisor and exit', async ({ world }) => {
  const pid = await supervisorOf(world, await up(world, 'agg'));
  const following = [['attach'], ['events'], ['wait', '--for', 'stopped']].map((args) => start(world, args));
  await following[1]?.until(/ready/);
  await suspend(pid);
  for (const session of following) {
    const { code, stderr } = await session.ended;
    expect(code, stderr).toBe(69);
    expect(stderr).toContain('is suspended (stopped by a signal)');
  }
  for (const args of [['attach'], ['events'], ['wait']]) expect((await returns(world, args)).code).toBe(69);
  await succeed(world, ['down']);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`commands that follow a run obey ${signal}, whatever its supervisor does`, async ({ world }) => {
    const pid = await supervisorOf(world, await up(world, 'agg'));
    const verbs = [['ps', '--watch'], ['attach'], ['events'], ['logs', '-f'], ['wait', '--for', 'stopped']];
    const following = verbs.map((args) => start(world, args));
    await following[0]?.until(/healthy/);
    await following[1]?.until(/frontend/);
    await following[2]?.until(/ready/);
    await following[3]?.until(/frontend/);
    await suspend(pid);
    for (const session of following) process.kill(session.pid, signal);
    const ended = await Promise.all(following.map(async (session) => shellCode(await session.ended)));
    const code = signal === 'SIGINT' ? 130 : 143;
    // `attach` exits with 0, as always.
    expect(ended).toEqual([code, 0, code, code, code]);
    await succeed(world, ['down']);
  });
}

test('`events` exits when its output is closed', async ({ world }) => {
  await up(world, 'agg');
  const words = `${process.execPath} ${executable} events`;
  const session = startCommand(world, ['bash', '-c', `${words} | head -1; echo "codes \${PIPESTATUS[*]}"`]);
  expect((await session.ended).stdout).toMatch(/codes 0 0\n$/);
  await succeed(world, ['down']);
});

test('a suspended keeper does not prevent its run from ending', async ({ world }) => {
  const session = await foreground(world);
  const [run] = await ps(world);
  await suspend(keeperOf(world, run?.runId));
  const { code, stderr } = await returns(world, ['down']);
  expect(code, stderr).toBe(0);
  expect((await session.ended).code).toBe(0);
});

/** Its supervisor is killed, and its keeper suspended while it ends a slow worker. */
async function suspendedReaper(world: World): Promise<number> {
  const run = await up(world, faulty(world, 'agg', { worker: ['--ignore-sigterm'] }));
  const reaper = join(world.state, 'dynamo', 'runs', run.runId, 'reaper');
  process.kill(await supervisorOf(world, run), 'SIGKILL');
  await until('the keeper to begin', () => existsSync(reaper));
  const pid = keeperOf(world, run.runId);
  await suspend(pid);
  return pid;
}

test('a keeper suspended while it ends a run is shown by `ps` and resumed by `down`', async ({ world }) => {
  const pid = await suspendedReaper(world);
  const { stdout } = await returns(world, ['ps']);
  expect(stdout).toMatch(/orphaned/);
  expect(stdout).toContain(`pid ${pid}, which is cleaning up after it, is suspended (stopped by a signal)`);
  const { code, stderr } = await returns(world, ['down']);
  expect(code, stderr).toBe(0);
});

test('`down --now` ends a keeper that makes no progress', async ({ world }) => {
  const pid = await suspendedReaper(world);
  const again = setInterval(() => isLiving(pid) && process.kill(pid, 'SIGSTOP'), 1);
  onTestFinished(() => clearInterval(again));
  const { code, stderr } = await returns(world, ['down', '--now']);
  expect(code, stderr).toBe(0);
  expect(isLiving(pid)).toBe(false);
});

test('Ctrl-Z is refused with a hint about --detach, and the run stays supervised', async ({ world }) => {
  const session = await foreground(world);
  process.kill(-session.pid, 'SIGTSTP');
  await session.until(/Ctrl-Z does not suspend agg: .*dynamo up -d.*dynamo attach/);
  expect(await ps(world)).toMatchObject([{ state: 'ready', supervisor: 'answering' }]);
  process.kill(session.pid, 'SIGINT');
  expect(shellCode(await session.ended)).toBe(130);
});
