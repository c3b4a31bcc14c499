/** While the keeper of a dead supervisor is at work, no verb says that nothing is left, whatever records are missing. */
import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { keepers, leaders, processesOfRuns, send, supervisors } from '../chaos/scene.ts';
import { isLiving } from '../oracle/proc.ts';
import { until } from '../support/until.ts';
import { dynamo, packageFolder, startCommand, succeed } from './harness/cli.ts';
import { faulty, onSim, ps, up } from './harness/deployment.ts';
import { test, type World } from './harness/world.ts';

type Loss = (world: World, runId: string) => void;

const stateOf = (world: World, ...names: string[]): string => join(world.state, 'dynamo', ...names);
const remove = (path: string): void => rmSync(path, { recursive: true });
const removeFolder: Loss = (world, runId) => remove(stateOf(world, 'runs', runId));
const removeClaims: Loss = (world) => {
  for (const kind of ['names', 'ports', 'gpus'])
    for (const file of readdirSync(stateOf(world, kind))) remove(stateOf(world, kind, file));
};

const losses: Readonly<Record<string, Loss>> = {
  'its folder': removeFolder,
  'folder and claims': (world, runId) => [removeFolder, removeClaims].forEach((lose) => lose(world, runId)),
  'folder and socket': (world, runId) => {
    removeFolder(world, runId);
    for (const name of readdirSync(world.runtime)) remove(join(world.runtime, name));
  },
  'run.json': (world, runId) => remove(stateOf(world, 'runs', runId, 'run.json')),
  'keeper.json': (world, runId) => remove(stateOf(world, 'runs', runId, 'keeper.json')),
  'its ledger': (world, runId) => remove(stateOf(world, 'runs', runId, 'ledger.jsonl')),
  'records and claims': (world, runId) => {
    for (const name of ['run.json', 'keeper.json', 'plan.json', 'ledger.jsonl'])
      remove(stateOf(world, 'runs', runId, name));
    removeClaims(world, runId);
  },
};

/** Kills the supervisor before it can restore what is lost. A keeper that is suspended begins only when it is resumed. */
function loseSupervisor(world: World, runId: string, lose: Loss, suspended = true): void {
  const pids = supervisors(world);
  for (const pid of pids) send(pid, 'SIGSTOP');
  if (suspended) for (const { pid } of keepers(world)) send(pid, 'SIGSTOP');
  lose(world, runId);
  for (const pid of pids) send(pid, 'SIGKILL');
}

function expectNothing(world: World, pids: readonly number[]): void {
  expect(pids.filter(isLiving)).toEqual([]);
  expect(processesOfRuns(world).map(({ command }) => command)).toEqual([]);
  expect(keepers(world).map(({ command }) => command)).toEqual([]);
}

test.for(Object.keys(losses))(
  'down --all waits for the keeper of a run without %s',
  async (lost, { world }) => {
    const { runId } = await up(world, 'agg');
    const pids = leaders(world);
    loseSupervisor(world, runId, losses[lost] ?? removeFolder);
    const { stderr } = await succeed(world, ['down', '--all']);
    expectNothing(world, pids);
    expect(stderr).toContain(`${runId} is down: nothing is left`);
    await succeed(world, ['clean']);
  },
);

test.for(Object.keys(losses))('ps lists a run without %s, and its processes', async (lost, { world }) => {
  const { runId } = await up(world, 'agg');
  loseSupervisor(world, runId, losses[lost] ?? removeFolder);
  const { stdout } = await succeed(world, ['ps', '--json']);
  const { runs } = JSON.parse(stdout) as { runs: { runId: string; processes: { name: string }[] }[] };
  expect(runs.map((run) => run.runId)).toEqual([runId]);
  expect(runs[0]?.processes.map(({ name }) => name)).toEqual(expect.arrayContaining(['frontend', 'worker']));
  await succeed(world, ['down', '--all']);
  await succeed(world, ['clean']);
});

test.for(['its folder', 'folder and claims', 'run.json', 'records and claims'])(
  'ps lists the processes of a run that serves without %s',
  async (lost, { world }) => {
    const { runId } = await up(world, 'agg');
    const [before] = await ps(world);
    (losses[lost] ?? removeFolder)(world, runId);
    const runs = await ps(world);
    expect(runs.map((run) => run.runId)).toEqual([runId]);
    const [run] = runs;
    for (const { since } of run?.processes ?? []) expect(since >= (run?.startedAt ?? since)).toBe(true);
    const seen = run?.processes.map(({ name, pid, state }) => ({ name, pid, state }));
    expect(seen).toEqual(before?.processes.map(({ name, pid }) => ({ name, pid, state: 'ready' })));
    await succeed(world, ['down', '--all']);
  },
);

test('down finds such a run by its name and by its id', async ({ world }) => {
  for (const byId of [true, false]) {
    const { runId } = await up(world, 'agg');
    const pids = leaders(world);
    loseSupervisor(world, runId, losses['folder and claims'] ?? removeFolder);
    await succeed(world, ['down', byId ? runId : 'agg']);
    expectNothing(world, pids);
  }
  await succeed(world, ['clean']);
});

test('down waits for a keeper that has just begun', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  const pids = leaders(world);
  loseSupervisor(world, runId, removeFolder, false);
  await succeed(world, ['down', '--all']);
  expectNothing(world, pids);
  await succeed(world, ['clean']);
});

test('down asks the supervisor of a run that only the keeper knows', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  const pids = leaders(world);
  for (const pid of supervisors(world)) send(pid, 'SIGSTOP');
  losses['records and claims']?.(world, runId);
  removeFolder(world, runId);
  const { stderr } = await succeed(world, ['down', '--all']);
  expect(stderr).toContain(`${runId} is down: nothing is left`);
  expect(supervisors(world)).toEqual([]);
  expectNothing(world, pids);
  await succeed(world, ['clean']);
});

test.for(Object.keys(losses))('clean ends a run without %s', async (lost, { world }) => {
  const { runId } = await up(world, 'agg');
  const pids = leaders(world);
  loseSupervisor(world, runId, losses[lost] ?? removeFolder);
  const shown = await succeed(world, ['clean', '--dry-run']);
  expect(shown.stdout).toContain(`the keeper of run ${runId}, which is ending it now`);
  expect(shown.stdout).not.toContain('nothing is left behind');
  expect(pids.filter(isLiving)).toEqual(pids);
  await succeed(world, ['clean']);
  expectNothing(world, pids);
});

test('up waits for the keeper of a run whose folder is gone', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  const pids = leaders(world);
  loseSupervisor(world, runId, removeFolder);
  const { code, stderr } = await dynamo(world, ['up', 'agg', '-d', ...(await onSim())]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr).toContain(`run ${runId} lost its supervisor and left 2 processes: stopping them`);
  expect(pids.filter(isLiving)).toEqual([]);
  expect(keepers(world)).toHaveLength(1);
  await succeed(world, ['down']);
});

test('a program hears that a run has ended when its keeper is done', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  const pids = leaders(world);
  const library = JSON.stringify(join(packageFolder, 'dist', 'library.js'));
  const text = `import { attach } from ${library};
    const { ended } = await attach();
    console.log('attached');
    console.log('ended:', await ended);`;
  const program = startCommand(world, ['node', '--input-type=module', '-e', text]);
  await program.until(/attached/);
  loseSupervisor(world, runId, removeFolder);
  await program.until(/ended: undefined/);
  expectNothing(world, pids);
  await program.ended;
  await succeed(world, ['clean']);
});

test('what only looks like a keeper is neither waited for nor killed', async ({ world, onTestFinished }) => {
  const { runId } = await up(world, 'agg');
  const elsewhere = { PATH: '/usr/bin:/bin', HOME: join(world.root, 'another-home') };
  const here = { ...elsewhere, XDG_STATE_HOME: world.state };
  const script = ['-c', 'sleep 600; :', 'dynamo-keeper', 'reap', '--supervisor'];
  // Of another state folder; older than its supervisor; and with a supervisor but no run.
  const pids = [
    { env: elsewhere, words: ['1@1', '--ledger', '3', '--', runId] },
    { env: here, words: ['1@99999999999', '--ledger', '3', '--', 'agg-zzzz'] },
    { env: here, words: ['1@1', '--ledger', '3', '--'] },
  ].map(({ env, words }) => {
    const { pid = 0 } = spawn('/bin/sh', [...script, ...words], { env, stdio: 'ignore', detached: true });
    onTestFinished(() => void process.kill(-pid, 'SIGKILL'));
    return pid;
  });
  const { stderr } = await succeed(world, ['down', '--all']);
  expect(stderr).toMatch(/^agg-\w+ is down: nothing is left$/m);
  const { stdout } = await succeed(world, ['clean']);
  expect(stdout).not.toContain('keeper');
  expect(pids.filter(isLiving)).toEqual(pids);
});

test('down --now says that a keeper took too long, kills it, and uses its ledger', async ({ world }) => {
  const { runId } = await up(world, faulty(world, 'agg', { worker: ['--ignore-sigterm'] }));
  const pids = leaders(world);
  loseSupervisor(world, runId, removeFolder, false);
  // It has sent SIGTERM, and waits for the worker.
  await until('the frontend to be gone', () => pids.filter(isLiving).length === 1);
  const [keeper] = keepers(world);
  const { stderr } = await succeed(world, ['down', '--now', '--all']);
  expectNothing(world, pids);
  expect(stderr).toContain(`its keeper (pid ${keeper?.pid}) had not ended the run after 2 s and was killed`);
  expect(stderr).toMatch(/killed: \d+ .*from worker/);
  await succeed(world, ['clean']);
});
