/** A run is found and ended even if its package or folder is moved or removed, or its marks are imitated. */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { keepers, killSupervision, leaders, processesOfRuns, send, supervisors } from '../chaos/scene.ts';
import { isLiving } from '../oracle/proc.ts';
import { until } from '../support/until.ts';
import { dynamo, packageFolder, startCommand, succeed } from './harness/cli.ts';
import { onSim, ps, up } from './harness/deployment.ts';
import { test, type World } from './harness/world.ts';

const shipped = ['bin', 'dist', 'launch-profiles', 'assets', 'package.json'];

/** A copy of the package that can be moved. Returns its folder. */
function ownPackage(world: World): string {
  const folder = join(world.root, 'package');
  for (const name of shipped) {
    cpSync(join(packageFolder, name), join(folder, name), {
      recursive: true,
      filter: (file) => !file.endsWith('.map'),
    });
  }
  return folder;
}

const folderOf = (world: World, runId: string): string => join(world.state, 'dynamo', 'runs', runId);

async function untilAllGone(world: World): Promise<void> {
  await until('all processes to be gone', () => processesOfRuns(world).length === 0);
  await until('the keeper to be gone', () => keepers(world).length === 0);
}

test.for([
  ['moved', (folder: string) => renameSync(folder, `${folder}-elsewhere`)],
  ['removed', (folder: string) => rmSync(folder, { recursive: true })],
] as const)('the package is %s and the supervisor killed: nothing is left', async ([, lose], { world }) => {
  const folder = ownPackage(world);
  const program = [process.execPath, join(folder, 'bin', 'dynamo.js')];
  const { code, stderr } = await startCommand(world, [...program, 'up', 'agg', '-d', ...(await onSim())])
    .ended;
  expect({ code, stderr }).toMatchObject({ code: 0 });
  lose(folder);
  for (const pid of supervisors(world)) send(pid, 'SIGKILL');
  await untilAllGone(world);
  await succeed(world, ['clean']);
});

test('the folder of a run is removed and its supervisor killed: nothing is left', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  const pids = supervisors(world);
  rmSync(folderOf(world, runId), { recursive: true });
  for (const pid of pids) send(pid, 'SIGKILL');
  await untilAllGone(world);
  // Claims of dead runs stay until another run of that name takes them over.
  await succeed(world, ['clean']);
});

test('a run whose folder is removed is still shown, keeps its name, and down ends it', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  const pids = leaders(world);
  rmSync(folderOf(world, runId), { recursive: true });
  const shown = await succeed(world, ['ps']);
  expect(shown.stdout + shown.stderr).toContain(runId);
  const again = await dynamo(world, ['up', 'agg', '-d', ...(await onSim())]);
  expect(again).toMatchObject({ code: 75 });
  expect(again.stderr).toContain('fix: dynamo down agg');
  const down = await succeed(world, ['down', 'agg']);
  expect(down.stderr).toContain(`${runId} is down: nothing is left`);
  expect(pids.filter(isLiving)).toEqual([]);
  expect(await ps(world)).toEqual([]);
});

test('a supervisor rewrites removed records, and they prove everything again', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  rmSync(folderOf(world, runId), { recursive: true });
  await until('the run to be whole again', async () => {
    const { stdout, stderr } = await dynamo(world, ['ps', '--json']);
    return stderr === '' && (JSON.parse(stdout) as { runs: { state: string }[] }).runs[0]?.state === 'ready';
  });
  await killSupervision(world);
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toContain('nothing is left');
  expect(processesOfRuns(world)).toEqual([]);
});

test('a process with a single mark of a run is listed with a command and left alone', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  const file = join(folderOf(world, runId), 'logs', 'worker.log');
  const log = openSync(file, 'a');
  const [writer, bearer] = [
    spawn('sleep', ['600'], { stdio: ['ignore', log, log], detached: true, env: { PATH: '/usr/bin:/bin' } }),
    spawn('sleep', ['600'], {
      stdio: 'ignore',
      detached: true,
      env: { PATH: '/usr/bin:/bin', DYNAMO_RUN_ID: runId, DYNAMO_PROCESS: 'worker' },
    }),
  ];
  closeSync(log);
  const unowned = [writer.pid ?? 0, bearer.pid ?? 0];
  onTestFinished(() => unowned.forEach((pid) => send(pid, 'SIGKILL')));
  const { stderr } = await succeed(world, ['down']);
  for (const pid of unowned) {
    expect(stderr).toMatch(new RegExp(`left alone: ${pid} .*dynamo clean --pid ${pid}@\\d+`));
    expect(isLiving(pid)).toBe(true);
  }
  const { stdout } = await succeed(world, ['clean', '--dry-run']);
  for (const pid of unowned) expect(stdout).toMatch(new RegExp(`dynamo clean --pid ${pid}@\\d+`));
  for (const pid of unowned) await succeed(world, ['clean', '--pid', String(pid)]);
  expect(unowned.filter(isLiving)).toEqual([]);
});

test('a folder in place of a claim is named, with the command that removes it', async ({ world }) => {
  const claim = join(world.state, 'dynamo', 'names', 'agg');
  mkdirSync(claim, { recursive: true });
  const refused = await dynamo(world, ['up', 'agg', '-d', ...(await onSim())]);
  expect(refused).toMatchObject({ code: 75 });
  expect(refused.stderr).toContain(claim);
  expect(refused.stderr).toContain('fix: dynamo clean');
  await succeed(world, ['clean']);
  await up(world, 'agg');
  await succeed(world, ['down']);
});

test('a named pipe in place of a log blocks nothing, and is named', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  const log = join(folderOf(world, runId), 'logs', 'worker.log');
  rmSync(log);
  execFileSync('mkfifo', [log]);
  expect((await dynamo(world, ['logs', 'worker', '--tail', '3'])).code).toBe(0);
  const restart = await dynamo(world, ['restart', 'worker']);
  expect(restart).toMatchObject({ code: 73 });
  expect(restart.stderr).toContain(`rm -r ${log}`);
  expect((await dynamo(world, ['down'])).code).toBe(0);
  expect(processesOfRuns(world)).toEqual([]);
});
