/** The jest examples of docs/ci.md and docs/library.md with the real jest from npm. */
import { readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Ended, executable, packageFolder, startCommand } from '../../e2e/harness/cli.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { standIn, test, type World } from '../../e2e/harness/world.ts';
import { docCommands, docFile } from '../../support/doc-blocks.ts';
import { npmInstall, withPath } from '../support/real-tools.ts';

/** Time for about 300 packages on a slow network. */
const timeout = 300_000;

/** A project with jest, this package, and the test from the docs. */
async function project(world: World): Promise<void> {
  writeFileSync(join(world.work, 'package.json'), '{}');
  await npmInstall(world, 'jest@30.5.2');
  symlinkSync(packageFolder, join(world.work, 'node_modules/dynamo-launcher'));
  standIn(world, 'dynamo', `#!/bin/sh\nexec node ${executable} "$@"\n`);
  const [marked = '', ...rest] = docFile('ci.md', 'chat.test.js').split('\n');
  const text = [marked, ...rest.filter((line) => !line.includes('remove this line for jest'))].join('\n');
  expect(text).not.toContain('import ');
  writeFileSync(join(world.work, 'chat.test.js'), text);
}

async function run(world: World, line: string): Promise<Ended> {
  const env = { ...withPath(world, world.bin), DYN_HTTP_PORT: String(await freePort()), CI: 'true' };
  const ended = await startCommand(world, ['sh', '-c', line], { env }).ended;
  // The cache of jest.
  for (const name of readdirSync(world.temporary))
    if (name.startsWith('jest_')) rmSync(join(world.temporary, name), { recursive: true });
  return ended;
}

test('works with exec', { timeout }, async ({ world }) => {
  await project(world);
  const [line = ''] = docCommands('ci.md', 'npx jest');
  const { code, stdout, stderr } = await run(world, line);
  expect({ code, said: stdout + stderr }).toEqual({
    code: 0,
    said: expect.stringMatching(/Tests: +1 passed, 1 total/),
  });
});

test('its global set-up starts and stops a deployment', { timeout }, async ({ world }) => {
  await project(world);
  for (const name of ['jest.global-setup.mjs', 'jest.global-teardown.mjs', 'jest.config.mjs'])
    writeFileSync(join(world.work, name), docFile('library.md', name));
  const { code, stdout, stderr } = await run(world, 'npx jest');
  expect({ code, said: stdout + stderr }).toEqual({
    code: 0,
    said: expect.stringMatching(/Tests: +1 passed, 1 total/),
  });
});
