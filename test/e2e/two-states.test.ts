/** Runs with different state folders, which cannot see each other's leases, want the same HTTP port at once. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { dynamo, type Ended, succeed } from './harness/cli.ts';
import type { Up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { test, type World } from './harness/world.ts';

const up = ['up', 'agg', '-d', '--json', '--engine', 'sim'];

/** Each with its own state folder, all at the same time. */
async function together(world: World, words: readonly string[]): Promise<(Ended & { state: string })[]> {
  const states = ['s1', 's2', 's3'].map((name) => join(world.root, name));
  return await Promise.all(
    states.map(async (state) => ({
      state,
      ...(await dynamo(world, [...up, ...words], { env: { XDG_STATE_HOME: state } })),
    })),
  );
}

async function down(world: World, state: string): Promise<void> {
  await succeed(world, ['down'], { env: { XDG_STATE_HOME: state } });
}

test('without a requested port, each run gets one and all serve', async ({ world }) => {
  const port = await freePort();
  const ended = await together(world, ['--set', `httpPort=${port}`]);
  expect(ended.map(({ code, stderr }) => (code === 0 ? code : stderr))).toEqual([0, 0, 0]);
  const urls = ended.map(({ stdout }) => (JSON.parse(stdout) as Up).url);
  expect(new Set(urls).size).toBe(3);
  expect(urls).toContain(`http://127.0.0.1:${port}`);
  for (const { state } of ended) await down(world, state);
});

test('with the same requested port, one serves and the others exit with 75 and hold nothing', async ({
  world,
}) => {
  const port = await freePort();
  const ended = await together(world, ['--http-port', String(port)]);
  expect(ended.map(({ code }) => code).toSorted((a, b) => Number(a) - Number(b))).toEqual([0, 75, 75]);
  for (const { code, state, stderr } of ended) {
    if (code === 0) await down(world, state);
    else expect(stderr).toMatch(new RegExp(`--http-port ${port}: the port is in use by pid \\d+ \\(`));
    const left = ['names', 'ports'].flatMap((name) => readdirSync(join(state, 'dynamo', name)));
    expect(left).toEqual([]);
  }
});
