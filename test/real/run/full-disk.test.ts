/** A full disk: reported, survived by running deployments, and nothing is left. Needs root, to mount a small disk. */
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { leftovers } from '../../oracle/leftovers.ts';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
import { ps, up } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';

/** Runs the test with the state on a separate disk, `size` in KiB. */
async function onSmallDisk(world: World, size: number, run: () => Promise<void>): Promise<void> {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}k`, 'tmpfs', world.state]);
  try {
    await run();
    expect(leftovers(world)).toEqual([]);
  } finally {
    execFileSync('umount', ['--lazy', world.state]);
  }
}

function fill(world: World): void {
  try {
    writeFileSync(join(world.state, 'fill'), Buffer.alloc(8 * 1024 * 1024));
  } catch {
    // full, as intended
  }
}

test('a running deployment continues, and can be listed and stopped', async ({ world }) => {
  await onSmallDisk(world, 400, async () => {
    const { client, model } = await up(world, 'agg');
    fill(world);
    for (let i = 0; i < 20; i++)
      await client.chat.completions.create({ model, messages: [{ role: 'user', content: `Hi ${i}` }] });
    expect((await ps(world))[0]?.state).toBe('ready');
    expect((await succeed(world, ['down'])).stderr).toMatch(/is down: nothing is left/);
  });
});

test('a start without disk space says so and leaves nothing', async ({ world }) => {
  await onSmallDisk(world, 400, async () => {
    await succeed(world, ['ps']);
    fill(world);
    const refused = await dynamo(world, ['up', 'agg', '--engine', 'sim', '--detach']);
    expect(refused.code).toBe(73);
    expect(refused.stderr).toMatch(/^error: The disk is full: \d+ KiB free at .*; a run needs 256/m);
    expect(refused.stderr).toContain(`df -h ${join(world.state, 'dynamo')}`);
    expect(readdirSync(join(world.state, 'dynamo', 'names'))).toEqual([]);
    rmSync(join(world.state, 'fill'));
    await up(world, 'agg');
    await succeed(world, ['down']);
  });
});
