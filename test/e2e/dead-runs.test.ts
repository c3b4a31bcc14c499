/** A new start after runs whose supervisors died: what is left of one is stopped, the others are only tidied; and what `ps` reads of ended runs. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { killSupervision, ledgerPids, send } from '../chaos/scene.ts';
import { isLiving } from '../oracle/proc.ts';
import { until } from '../support/until.ts';
import { dynamo, succeed } from './harness/cli.ts';
import { onSim, ps, up } from './harness/deployment.ts';
import { test } from './harness/world.ts';

test('up ends what one dead run left, and tidies those that left nothing', async ({ world }) => {
  const runs = [];
  for (const name of ['gone1', 'gone2']) runs.push(await up(world, 'agg', ['--name', name]));
  const gone = [...ledgerPids(world)];
  const left = await up(world, 'agg', ['--name', 'left']);
  const orphans = [...ledgerPids(world)].filter((pid) => !gone.includes(pid));
  await killSupervision(world);
  for (const pid of gone) send(pid, 'SIGKILL');
  await until('the processes to be gone', () => !gone.some(isLiving));
  expect(orphans.filter(isLiving)).toHaveLength(2);

  const { code, stderr } = await dynamo(world, ['up', 'agg', '-d', '--name', 'next', ...(await onSim())]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr).toContain(`run ${left.runId} lost its supervisor and left 2 processes: stopping them`);
  for (const { runId } of runs) expect(stderr).not.toContain(runId);
  expect(orphans.filter(isLiving)).toEqual([]);

  const shown = await ps(world, '--all');
  const ended = shown.filter((run) => 'endedAt' in run).map(({ runId }) => runId);
  expect(ended.toSorted()).toEqual([...runs, left].map(({ runId }) => runId).toSorted());
  const [next] = shown.filter(({ state }) => state === 'ready');
  const ports = next?.processes.flatMap((each) => Object.values(each.ports).map(String)) ?? [];
  expect(readdirSync(join(world.state, 'dynamo', 'ports')).toSorted()).toEqual(ports.toSorted());
  expect(readdirSync(join(world.state, 'dynamo', 'names'))).toEqual(['next']);
  await succeed(world, ['down']);
});

test('ps reads nothing but the record of a run that has ended long ago', async ({ world }) => {
  const old = await up(world, 'agg');
  await succeed(world, ['down', '--quiet']);
  await up(world, 'agg');
  await succeed(world, ['down', '--quiet']);
  // Whoever reads it says so.
  writeFileSync(join(world.state, 'dynamo', 'runs', old.runId, 'plan.json'), '{');
  expect((await succeed(world, ['ps'])).stderr).toBe('no runs are up; `dynamo ps --all` shows ended ones\n');
  expect((await succeed(world, ['ps', '--last', '1'])).stderr).toBe('1 older runs: dynamo ps --last all\n');
  expect((await succeed(world, ['ps', '--last', 'all'])).stderr).toContain('plan.json');
});
