/** Truncated, replaced or removed records of a run: commands return, name them, end the run, and harm no other. */
import { existsSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { killSupervision, leaders, processesOfRuns } from '../chaos/scene.ts';
import { isLiving } from '../oracle/proc.ts';
import { damages, recordsOf } from '../support/damage.ts';
import { dynamo, type Ended, succeed } from './harness/cli.ts';
import { ps, type Running, up } from './harness/deployment.ts';
import { test, type World } from './harness/world.ts';

const records = [
  'run.json',
  'plan.json',
  'events.jsonl',
  'ledger.jsonl',
  'keeper.json',
  'the claim on the name',
  'a lease on a port',
];

/** Runs a command that reads records: it returns, and never reports an internal error. */
async function verb(world: World, ...words: string[]): Promise<Ended> {
  const ended = await dynamo(world, words);
  if (ended.code === null || ended.code === 70 || ended.stderr.includes('    at '))
    throw new Error(`dynamo ${words.join(' ')}: ${ended.code ?? ended.signal}\n${ended.stderr}`);
  return ended;
}

/** Runs all commands that read the records of all runs; returns their output. */
async function looks(world: World): Promise<string> {
  const ended = [
    await verb(world, 'ps', '--all'),
    await verb(world, 'clean', '--dry-run'),
    await verb(world, 'logs', '--run', 'victim', '--tail', '1'),
  ];
  const codes = ended.map(({ code }) => code);
  expect(codes, ended.map(({ stderr }) => stderr).join('\n')).toEqual([0, 0, expect.any(Number)]);
  return ended.map(({ stdout, stderr }) => stdout + stderr).join('\n');
}

async function expectUnharmed(world: World, { runId, client }: Running): Promise<void> {
  expect((await ps(world)).find((run) => run.runId === runId)?.state).toBe('ready');
  await client.models.list();
}

/** Pids of main processes, without those of the healthy run. */
function leadersBeside(world: World, healthy: readonly number[]): number[] {
  return leaders(world).filter((pid) => !healthy.includes(pid));
}

// Missing and empty files are reported less. Events of a live run are not read.
const isTold = (record: string, damage: string): boolean =>
  damage !== 'removed' &&
  record !== 'keeper.json' &&
  record !== 'events.jsonl' &&
  !(record.endsWith('.jsonl') && ['emptied', 'cut in the middle'].includes(damage));

for (const record of records) {
  test(`${record} of a live run, damaged in every way`, { timeout: 240_000 }, async ({ world }) => {
    const healthy = await up(world, 'agg', ['--name', 'healthy']);
    const theirs = leaders(world);
    for (const [damage, inflict] of Object.entries(damages)) {
      const { runId } = await up(world, 'agg', ['--name', 'victim']);
      const mine = leadersBeside(world, theirs);
      const file = recordsOf(world.state, runId, 'victim')[record] ?? '';
      inflict(file);
      const said = await looks(world);
      expect(said, damage).toMatch(/victim/);
      const down = await verb(world, 'down', runId);
      expect({ damage, code: down.code, stderr: down.stderr }).toMatchObject({ code: 0 });
      if (isTold(record, damage)) expect(said + down.stderr, damage).toContain(file.split('/').at(-1));
      expect(mine.filter(isLiving), damage).toEqual([]);
      await verb(world, 'clean');
      await expectUnharmed(world, healthy);
      // Files that someone put into a folder stay until they remove them, as clean says.
      if (damage.includes('with something in it')) rmSync(file, { recursive: true, force: true });
      forget(world, runId);
    }
    await succeed(world, ['down', 'healthy']);
    await succeed(world, ['clean']);
  });
}

for (const record of records) {
  test(
    `${record} of a run without a supervisor, damaged in every way`,
    { timeout: 240_000 },
    async ({ world }) => {
      for (const [damage, inflict] of Object.entries(damages)) {
        const { runId } = await up(world, 'agg', ['--name', 'victim']);
        await killSupervision(world);
        const file = recordsOf(world.state, runId, 'victim')[record] ?? '';
        inflict(file);
        await looks(world);
        const down = await verb(world, 'down', runId);
        if (record === 'ledger.jsonl') {
          await endAsTold(world, down, damage);
        } else {
          expect({ damage, code: down.code, stderr: down.stderr }).toMatchObject({ code: 0 });
          expect(down.stderr).toContain('nothing is left');
        }
        expect(processesOfRuns(world), damage).toEqual([]);
        await verb(world, 'clean');
        if (damage.includes('with something in it')) rmSync(file, { recursive: true, force: true });
        forget(world, runId);
      }
    },
  );
}

/** The oracle reads plans, and would block on a pipe. */
function forget(world: World, runId: string): void {
  rmSync(join(world.state, 'dynamo', 'runs', runId), { recursive: true, force: true });
}

/** Processes that the ledger cannot prove are listed with the command that ends them. */
async function endAsTold(world: World, down: Ended, damage: string): Promise<void> {
  const living = processesOfRuns(world);
  // The truncation may have left one line of two.
  if (damage === 'cut in the middle' && living.length === 0) return;
  expect({ damage, code: down.code, living: living.length }).toMatchObject({ code: 1 });
  expect(down.stderr).not.toContain('nothing is left');
  const commands = [...down.stderr.matchAll(/dynamo (clean --pid \d+@\d+)/g)].map(([, words = '']) => words);
  expect(commands.length, down.stderr).toBe(living.length);
  for (const words of commands) await succeed(world, words.split(' '));
}

test('a cut off run.json and another login: down still finds and removes the socket', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  const socket = join(world.runtime, 'dynamo', `${runId}.sock`);
  expect(existsSync(socket)).toBe(true);
  truncateSync(join(world.state, 'dynamo', 'runs', runId, 'run.json'), 20);
  await killSupervision(world);
  await succeed(world, ['down', '--all'], { env: { XDG_RUNTIME_DIR: '/does/not/exist' } });
  expect(existsSync(socket)).toBe(false);
});
