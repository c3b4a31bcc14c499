/** Runs the examples of help texts that need more than Node and npm as they are. */
import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { visibleVerbs } from '../../../src/cli/verbs.ts';
import { succeed } from '../../e2e/harness/cli.ts';
import { up } from '../../e2e/harness/deployment.ts';
import { installDynamo, play, type Stage } from '../../e2e/harness/example.ts';
import { standIn, test, type World } from '../../e2e/harness/world.ts';
import { docFile } from '../../support/doc-blocks.ts';
import { examplesIn, otherPlace, otherPlaces } from '../../support/examples.ts';
import { install, versions } from '../support/installed.ts';

async function downAll(world: World): Promise<void> {
  await succeed(world, ['down', '--all', '--quiet']);
}

function withJq(world: World): void {
  symlinkSync(
    execFileSync('sh', ['-c', 'command -v jq'], { encoding: 'utf8' }).trim(),
    join(world.bin, 'jq'),
  );
}

const stages: Readonly<Record<string, Stage>> = {
  ps: async (world) => {
    withJq(world);
    await up(world, 'disagg');
    return () => ({});
  },
  events: async (world) => {
    withJq(world);
    await up(world, 'disagg');
    return () => ({ meanwhile: async () => await downAll(world) });
  },
  exec: async (world) => {
    standIn(world, 'pytest', '#!/bin/sh\nexec python3 -m pytest "$@"\n');
    writeFileSync(join(world.work, 'test_chat.py'), docFile('ci.md', 'test_chat.py'));
    // python3 and its packages are on the PATH of the user who runs the tests.
    const env = { PATH: `${world.bin}:${process.env['PATH']}`, PYTHONDONTWRITEBYTECODE: '1' };
    await up(world, 'agg');
    await succeed(world, ['report', '--yes', '--output', join(world.work, 'report.tar.gz')], { env });
    await downAll(world);
    return () => ({ env });
  },
  infra: async (world) => {
    const [binaries] = versions();
    if (binaries === undefined) throw new Error('etcd and nats-server are not installed');
    install(world, binaries);
    return async (line) => {
      if (line.includes('--persist')) await downAll(world);
      return line.startsWith('dynamo up ') ? { until: /is ready after/, codes: [130] } : {};
    };
  },
};

test('every entry matches an example, and no other example is left out', async ({ world }) => {
  const helps = await Promise.all(
    visibleVerbs.map(async ({ name }) => (await succeed(world, [name, '--help'])).stdout),
  );
  const lines = helps.flatMap((help) => examplesIn(help));
  for (const { pattern } of otherPlaces)
    expect(
      lines.some((line) => pattern.test(line)),
      String(pattern),
    ).toBe(true);
});

test.for(Object.entries(stages))('dynamo %s', { timeout: 240_000 }, async ([verb, stage], { world }) => {
  installDynamo(world);
  const { stdout } = await succeed(world, [verb, '--help']);
  const examples = examplesIn(stdout).filter((line) => otherPlace(line)?.where === 'real');
  expect(examples.length).toBeGreaterThan(0);
  const actOf = await stage(world);
  try {
    for (const line of examples) await play(world, line, await actOf(line));
  } finally {
    await downAll(world);
  }
});
