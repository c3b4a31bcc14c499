/** `dynamo doctor` on hosts with real problems: killed supervisors, ports in use, leaked memory. */
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { keepers } from '../chaos/scene.ts';
import { isLiving } from '../oracle/proc.ts';
import { dynamo, succeed } from './harness/cli.ts';
import { ps, up } from './harness/deployment.ts';
import { until } from '../support/until.ts';
import { test, type World } from './harness/world.ts';

interface Report {
  readonly ok: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly planError: { readonly message: string } | null;
  readonly checks: readonly {
    readonly id: string;
    readonly name: string;
    readonly status: string;
    readonly evidence: string;
    readonly details: readonly string[];
    readonly fix?: string;
    readonly fixed: readonly string[];
  }[];
}

async function doctor(world: World, ...args: string[]): Promise<Report & { code: number | null }> {
  const { stdout, stderr, code } = await dynamo(world, ['doctor', '--json', ...args]);
  expect(stderr).toBe('');
  return { ...(JSON.parse(stdout) as Report), code };
}

async function listen(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('on a host without a GPU, makes every check and says which ones it could not make', async ({
  world,
}) => {
  const { checks, counts, ok, code } = await doctor(world);
  expect(checks.map(({ id }) => id)).toEqual(
    Array.from({ length: 37 }, (_, i) => `D${String(i + 1).padStart(2, '0')}`),
  );
  expect({ ok, code, failed: counts['fail'] }).toEqual({ ok: true, code: 0, failed: 0 });
  expect(checks.find(({ name }) => name === 'vram')).toMatchObject({
    status: 'skip',
    evidence: 'nvidia-smi is not installed',
  });
  const { stdout } = await succeed(world, ['doctor']);
  expect(stdout).toMatch(/^this host\n/);
  expect(stdout).toMatch(/not checked\n/);
  expect(stdout).toMatch(/\d+ ok, \d+ not checked in /);
});

test('a port in use is named with its process; requiring it fails, and --strict makes warnings fail', async ({
  world,
}) => {
  const port = String(await listen());
  const insists = await doctor(world, 'agg', '--http-port', port, '--only', 'ports');
  expect(insists).toMatchObject({
    code: 1,
    planError: { message: expect.stringContaining(port) },
    checks: [{ id: 'D06', status: 'fail', evidence: expect.stringContaining(`pid ${process.pid} (`) }],
  });
  const wishes = ['agg', '--set', `httpPort=${port}`, '--only', 'D06'];
  expect(await doctor(world, ...wishes)).toMatchObject({ code: 0, checks: [{ status: 'warn' }] });
  expect((await doctor(world, ...wishes, '--strict')).code).toBe(1);
});

test('an unknown check exits with 64 and a suggestion, an unknown profile with 66', async ({ world }) => {
  const check = await dynamo(world, ['doctor', '--only', 'portz']);
  expect(check.code).toBe(64);
  expect(check.stderr).toContain('did you mean --only ports?');
  expect((await dynamo(world, ['doctor', 'nobody'])).code).toBe(66);
});

test('no output contains secrets of the environment', async ({ world }) => {
  const env = {
    HTTP_PROXY: 'http://me:hidden-one@proxy',
    MY_API_KEY: 'hidden-two',
    DYN_SYSTEM_PORT: 'hidden-two',
  };
  for (const flags of [['--json'], ['--verbose']]) {
    const { stdout, stderr } = await dynamo(world, ['doctor', ...flags], { env });
    expect(stdout).toContain('***');
    expect(stdout + stderr).not.toContain('hidden');
  }
});

test('with a live run, connects to prefill and finds nothing stale', async ({ world }) => {
  await up(world, 'disagg');
  const { checks, code } = await doctor(world, '--only', 'bootstrap,orphans-ours,run-state');
  expect(code).toBe(0);
  expect(checks.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok']);
  expect(checks[0]?.evidence).toMatch(/^prefill answers on \d+$/);
  await succeed(world, ['down']);
});

test('processes of a run without supervisor and keeper are found, and ended only with --fix', async ({
  world,
}) => {
  const { runId } = await up(world, 'disagg');
  const [run] = await ps(world);
  const pids = run?.processes.map(({ pid }) => pid ?? 0) ?? [];
  await killKeeperAndSupervisor(world, run?.supervisorPid ?? 0);
  const found = await doctor(world, '--only', 'D03,D29');
  expect(found).toMatchObject({ code: 1, checks: [{ status: 'fail' }, { status: 'warn' }] });
  for (const pid of pids) expect(found.checks[0]?.evidence).toContain(String(pid));
  // The checks changed nothing.
  expect(pids.every(isLiving)).toBe(true);
  const repaired = await doctor(world, '--only', 'D03,D29', '--fix');
  expect(repaired).toMatchObject({
    code: 0,
    checks: [{ status: 'ok', fixed: [`${runId}: stopped: nothing is left`] }, { status: 'ok' }],
  });
  expect(pids.some(isLiving)).toBe(false);
  expect(await ps(world)).toEqual([]);
});

test('a dead run without processes is stale state, which --fix removes', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  const [run] = await ps(world);
  await killKeeperAndSupervisor(world, run?.supervisorPid ?? 0);
  const pids = run?.processes.map(({ pid }) => pid ?? 0) ?? [];
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await until('they are gone', () => !pids.some(isLiving));
  const found = await doctor(world, '--only', 'D03,D29');
  expect(found).toMatchObject({ code: 0, checks: [{ status: 'ok' }, { status: 'warn' }] });
  expect([found.checks[1]?.evidence, ...(found.checks[1]?.details ?? [])].join('\n')).toContain(
    `of run ${runId}, is dead`,
  );
  const repaired = await doctor(world, '--only', 'run-state', '--fix');
  expect(repaired.checks[0]).toMatchObject({
    status: 'ok',
    fixed: [expect.stringContaining(`cleaned up after ${runId}`)],
  });
});

test('a shared memory segment is listed if its creator is dead, not if it is alive', async ({ world }) => {
  const gone = spawn('true');
  await new Promise((resolve) => gone.once('exit', resolve));
  const segments = [gone.pid, process.pid].map((pid) => `/dev/shm/sgl_shm_test_${pid}_${Date.now()}`);
  for (const segment of segments) writeFileSync(segment, 'x');
  onTestFinished(() => segments.forEach((segment) => rmSync(segment, { force: true })));
  const { checks } = await doctor(world, '--only', 'shm');
  const told = [checks[0]?.evidence, ...(checks[0]?.details ?? [])].join('\n');
  expect(checks[0]?.status).toBe('warn');
  expect(told).toContain(segments[0]?.slice('/dev/shm/'.length));
  expect(told).not.toContain(segments[1]?.slice('/dev/shm/'.length));
});

/** Suspended first, so that it cannot start another keeper; then the keeper, which would end everything. */
async function killKeeperAndSupervisor(world: World, supervisor: number): Promise<void> {
  process.kill(supervisor, 'SIGSTOP');
  for (const { pid } of keepers(world)) process.kill(pid, 'SIGKILL');
  await until('the keeper is gone', () => keepers(world).length === 0);
  process.kill(supervisor, 'SIGKILL');
  await until('the supervisor is gone', () => !isLiving(supervisor));
}
