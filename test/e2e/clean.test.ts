/** `clean` ends and removes what dead runs left, touches nothing else, and waits for GPU memory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { killSupervision, leaders, send } from '../chaos/scene.ts';
import { isLiving, livingProcess } from '../oracle/proc.ts';
import { dynamo, startCommand, succeed } from './harness/cli.ts';
import { ps, up } from './harness/deployment.ts';
import { fakeGpus } from './harness/gpus.ts';
import { freePort } from './harness/ports.ts';
import { until } from '../support/until.ts';
import { test, type World } from './harness/world.ts';

interface Report {
  readonly items: readonly { readonly kind: string; readonly what: string; readonly proof: string }[];
  readonly leftAlone: readonly {
    readonly what: string;
    readonly because: string;
    readonly command?: string;
  }[];
  readonly unseen: readonly string[];
  readonly memory?: { readonly freedMiB: number };
}

async function report(world: World, ...flags: readonly string[]): Promise<Report> {
  return JSON.parse((await succeed(world, ['clean', '--json', ...flags])).stdout) as Report;
}

/** A run whose supervisor and keeper are killed while its processes keep running. Returns their pids. */
async function orphans(world: World, profile = 'disagg'): Promise<{ runId: string; pids: number[] }> {
  const { runId } = await up(world, profile);
  const pids = leaders(world);
  await killSupervision(world);
  return { runId, pids };
}

/** Output about these only: other processes of this host may have marks of other tests. */
function told(leftAlone: Report['leftAlone'], pids: readonly number[]): Report['leftAlone'] {
  return leftAlone.filter(({ what }) => pids.some((pid) => what.startsWith(`${pid} (`)));
}

/** A process that no run started; it ends with the test. */
function unownedProcess(world: World): number {
  const { pid } = startCommand(world, ['sleep', '600'], { ownGroup: true });
  onTestFinished(() => send(pid, 'SIGKILL'));
  return pid;
}

/** Waits until it is gone, before the oracle checks. */
async function endProcess(pid: number): Promise<void> {
  send(pid, 'SIGKILL');
  await until('the unowned process to be gone', () => !isLiving(pid));
}

/** A shared memory segment that is removed after the test. */
function segment(name: string): string {
  const path = `/dev/shm/${name}`;
  writeFileSync(path, 'x'.repeat(4_096));
  onTestFinished(() => rmSync(path, { force: true }));
  return path;
}

test('ends orphans, waits for their memory, and leaves an unowned process on the same GPU alone', async ({
  world,
}) => {
  const gpus = fakeGpus(world, 2);
  const { runId, pids } = await orphans(world);
  for (const [i, pid] of pids.entries()) gpus.hold(pid, i % 2, 8_192);
  const other = unownedProcess(world);
  gpus.hold(other, 0, 2_658);

  const dry = await report(world, '--dry-run');
  expect(pids.filter((pid) => !isLiving(pid))).toEqual([]);
  const ended = dry.items.filter(({ kind }) => kind === 'process');
  expect(ended.map(({ what }) => Number.parseInt(what, 10)).toSorted((a, b) => a - b)).toEqual(
    pids.toSorted((a, b) => a - b),
  );
  for (const { proof } of ended)
    expect(proof).toMatch(new RegExp(`^of run ${runId}, whose supervisor \\(pid \\d+\\) is dead`));
  expect(dry.items.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['lock', 'lease', 'socket', 'folder']),
  );

  const { stdout } = await succeed(world, ['clean']);
  expect(pids.filter(isLiving)).toEqual([]);
  expect(isLiving(other)).toBe(true);
  expect(stdout).toContain(`${other} (`);
  expect(stdout).toMatch(new RegExp(`dynamo clean --pid ${other}@\\d+`));
  expect(stdout).toMatch(/^GPU memory: 24\.0 GiB freed$/m);
  expect((await report(world)).items).toEqual([]);
  expect(await ps(world)).toEqual([]);
  await endProcess(other);
});

test('leaves a live run alone and shows the down command that ends it', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const { runId } = await up(world, 'agg');
  const pids = leaders(world);
  for (const pid of pids) gpus.hold(pid, 0, 4_096);
  const { items, leftAlone } = await report(world);
  expect([items, told(leftAlone, pids)]).toEqual([[], []]);
  const asked = await dynamo(world, ['clean', '--pid', String(pids[0])]);
  expect(asked.code).toBe(77);
  expect(asked.stderr).toContain(`it belongs to run ${runId}, which is up`);
  expect(asked.stderr).toContain(`fix: dynamo down ${runId}`);
  await succeed(world, ['clean', '--all-gpu-processes', '--yes']);
  expect(pids.filter((pid) => !isLiving(pid))).toEqual([]);
  await succeed(world, ['down']);
});

test('ends an unowned process only with --pid, and only the process that was listed', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const [holder, bystander] = [unownedProcess(world), unownedProcess(world)];
  gpus.hold(holder, 0, 71 * 1024);
  const { leftAlone } = await report(world);
  const command = told(leftAlone, [holder])[0]?.command ?? '';
  expect(command).toMatch(new RegExp(`^dynamo clean --pid ${holder}@\\d+$`));

  const reused = await dynamo(world, ['clean', '--pid', `${holder}@1`]);
  expect([reused.code, reused.stderr]).toEqual([77, expect.stringContaining('another process now')]);
  const unlisted = await dynamo(world, ['clean', '--pid', String(bystander)]);
  expect([unlisted.code, unlisted.stderr]).toEqual([77, expect.stringContaining('holds no GPU')]);
  expect(await dynamo(world, ['clean', '--pid', '1x'])).toMatchObject({ code: 64 });
  expect([holder, bystander].filter((pid) => !isLiving(pid))).toEqual([]);

  await succeed(world, [...command.split(' ').slice(1), '--dry-run']);
  expect(isLiving(holder)).toBe(true);
  const { stdout } = await succeed(world, command.split(' ').slice(1));
  expect(stdout).toContain('GPU memory: 71.0 GiB freed');
  expect([holder, bystander].map(isLiving)).toEqual([false, true]);
  await endProcess(bystander);
});

test('ends all GPU processes only after confirmation; without a terminal that is --yes', async ({
  world,
}) => {
  const gpus = fakeGpus(world, 1);
  const pids = [unownedProcess(world), unownedProcess(world)];
  for (const pid of pids) gpus.hold(pid, 0, 1_024);
  const asked = await dynamo(world, ['clean', '--all-gpu-processes']);
  expect([asked.code, asked.stderr]).toEqual([64, expect.stringContaining('not a terminal')]);
  await succeed(world, ['clean', '--all-gpu-processes', '--dry-run']);
  expect(pids.filter((pid) => !isLiving(pid))).toEqual([]);
  // It stops waiting when all but 64 MiB are free, which drivers keep for a moment.
  expect((await report(world, '--all-gpu-processes', '--yes')).memory?.freedMiB).toBeGreaterThanOrEqual(
    1_984,
  );
  expect(pids.filter(isLiving)).toEqual([]);
});

test('GPU memory without a visible owner is reported, not ignored', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const pid = unownedProcess(world);
  gpus.hold(pid, 0, 71 * 1024);
  gpus.change({ mode: 'foreign' });
  const foreign = await report(world);
  expect([told(foreign.leftAlone, [pid]), foreign.unseen]).toEqual([
    [],
    [`71.0 GiB on GPU 0 is held outside this pid namespace, by pid ${pid + 4_000_000} there`],
  ]);
  gpus.change({ mode: 'blind' });
  expect((await report(world)).unseen).toEqual([
    expect.stringContaining('71.0 GiB on GPU 0 is held by processes that nvidia-smi does not list'),
  ]);
  gpus.change({ mode: 'nvml' });
  expect((await report(world)).unseen).toEqual([
    'nvidia-smi is here but failed: Failed to initialize NVML: Driver/library version mismatch',
  ]);
  expect(isLiving(pid)).toBe(true);
  await endProcess(pid);
});

test('a hung nvidia-smi does not stop our processes from being ended', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const { pids } = await orphans(world, 'agg');
  gpus.change({ mode: 'hang' });
  const { unseen } = await report(world);
  expect(unseen).toEqual(['nvidia-smi is here but did not answer within 5 s']);
  expect(pids.filter(isLiving)).toEqual([]);
});

test('processes with our marks but no ledger are listed with the evidence and left alone', async ({
  world,
}) => {
  const { runId, pids } = await orphans(world, 'agg');
  rmSync(join(world.state, 'dynamo', 'runs', runId), { recursive: true });
  const { items, leftAlone } = await report(world);
  expect(items.filter(({ kind }) => kind === 'process')).toEqual([]);
  expect(pids.filter((pid) => !isLiving(pid))).toEqual([]);
  for (const pid of pids) {
    const [line] = told(leftAlone, [pid]);
    // The program, not what follows the last slash of its arguments.
    expect(line?.what).toMatch(/^\d+ \(\S+, node /);
    expect(line?.because).toContain(`DYNAMO_RUN_ID=${runId} in its environment`);
    expect(line?.because).toMatch(/its output goes to .*\.log \(deleted\)/);
    await succeed(world, (line?.command ?? '').split(' ').slice(1));
  }
  expect(pids.filter(isLiving)).toEqual([]);
});

/** A session without its leader, and the process left in it, which has no mark of ours. */
async function leaderless(world: World): Promise<{ leader: number; startTime: string; member: number }> {
  const script = 'sleep 600 </dev/null >/dev/null 2>&1 & echo $!; wait';
  const session = spawn('/bin/sh', ['-c', script], { detached: true, env: { PATH: world.bin } });
  const leader = session.pid ?? 0;
  const [line] = (await once(session.stdout, 'data')) as [Buffer];
  const member = Number(line.toString());
  onTestFinished(() => send(member, 'SIGKILL'));
  const startTime = livingProcess(leader)?.startTime ?? '';
  session.kill('SIGKILL');
  await once(session, 'exit');
  return { leader, startTime, member };
}

test("members of a dead leader's session without other proof are listed and left alone", async ({
  world,
}) => {
  const { runId } = await orphans(world, 'agg');
  const { leader, startTime, member } = await leaderless(world);
  const ledger = join(world.state, 'dynamo', 'runs', runId, 'ledger.jsonl');
  const { bootId } = JSON.parse(readFileSync(ledger, 'utf8').split('\n')[0] ?? '') as { bootId: string };
  const entry = { bootId, pid: leader, startTime, runId, process: 'worker', pgrp: leader, session: leader };
  appendFileSync(ledger, `${JSON.stringify({ ...entry, logFile: '0:0', command: '' })}\n`);
  const because = expect.stringContaining(`in the session that worker of run ${runId} led as pid ${leader}`);
  const [line] = told((await report(world, '--dry-run')).leftAlone, [member]);
  expect(line).toMatchObject({ because });
  const { items, leftAlone } = await report(world);
  expect(items.filter(({ what }) => what.startsWith(`${member} `))).toEqual([]);
  expect(told(leftAlone, [member])).toMatchObject([{ because }]);
  expect(isLiving(member)).toBe(true);
  // Its run is gone by now, and it is still listed.
  expect(told((await report(world, '--dry-run')).leftAlone, [member])).toMatchObject([{ because }]);
  await succeed(world, (line?.command ?? '').split(' ').slice(1));
  expect(isLiving(member)).toBe(false);
});

test('shared memory is removed if a ledger proves who created it; other segments are listed', async ({
  world,
}) => {
  const { pids } = await orphans(world, 'agg');
  const other = unownedProcess(world);
  for (const pid of pids) send(pid, 'SIGKILL');
  await until('the orphans to be gone', () => !pids.some(isLiving));
  const ours = pids.map((pid) => segment(`sgl_shm_e2e_${pid}_0`));
  const theirs = [segment(`sgl_shm_e2e_${other}_0`), segment(`psm_e2e${other}`)];
  const { items, leftAlone } = await report(world);
  expect(
    items.flatMap(({ kind, what }) => (kind === 'segment' ? [what.split(' ')[0] ?? ''] : [])).toSorted(),
  ).toEqual(ours.toSorted());
  expect(ours.filter((path) => existsSync(path))).toEqual([]);
  expect(theirs.filter((path) => !existsSync(path))).toEqual([]);
  for (const path of theirs) {
    expect(leftAlone.find(({ what }) => what.startsWith(path))?.command).toBe(`rm ${path}`);
  }
  await endProcess(other);
});

test('ended runs are removed after a week or on request; images in them are kept', async ({ world }) => {
  const runs = join(world.state, 'dynamo', 'runs');
  const ended = async (): Promise<string> => {
    const { runId } = await up(world, 'agg');
    await succeed(world, ['down']);
    return runId;
  };
  const [recent, old, painted] = [await ended(), await ended(), await ended()];
  const eightDaysAgo = Date.now() - 8 * 86_400_000;
  for (const runId of [old, painted]) {
    const file = join(runs, runId, 'run.json');
    const record = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...record, endedAt: eightDaysAgo }));
  }
  mkdirSync(join(runs, painted, 'media'), { recursive: true });
  writeFileSync(join(runs, painted, 'media', 'cat.png'), 'x');
  const dry = await report(world, '--dry-run');
  expect(dry.items.map(({ kind, what }) => [kind, what.split('/').at(-1)])).toEqual([['run', old]]);
  await succeed(world, ['clean']);
  expect(readdirSync(runs).toSorted()).toEqual([recent, painted].toSorted());
  await succeed(world, ['clean', '--all-ended']);
  expect(readdirSync(runs)).toEqual([painted]);
  expect(existsSync(join(runs, painted, 'media', 'cat.png'))).toBe(true);
});

test('up ends orphans before it starts and waits for their GPU memory', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const { runId, pids } = await orphans(world, 'agg');
  for (const pid of pids) gpus.hold(pid, 0, 4_096);
  const port = String(await freePort());
  const { stderr } = await succeed(world, ['up', 'agg', '-d', '--engine', 'sim', '--http-port', port]);
  expect(stderr).toContain(`run ${runId} lost its supervisor and left 2 processes: stopping them`);
  expect(stderr).toMatch(/^GPU memory: 8\.0 GiB freed$/m);
  await succeed(world, ['down']);
});
