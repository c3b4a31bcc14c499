/** Runs the examples of docs/ci.md that need only Node and npm as they are. */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { docCommands, docFile } from '../support/doc-blocks.ts';
import { type Ended, packageFolder, startCommand } from './harness/cli.ts';
import { installDynamo } from './harness/example.ts';
import { freePort } from './harness/ports.ts';
import { standIn, test, type World } from './harness/world.ts';

/** Runs a line of the docs in a shell where `dynamo` and `npx vitest` work as in a project with both. */
async function shell(world: World, line: string): Promise<Ended> {
  const vitest = join(packageFolder, 'node_modules', 'vitest', 'vitest.mjs');
  standIn(world, 'npx', `#!/bin/sh\n[ "$1" = vitest ] || exit 127\nshift\nexec node ${vitest} "$@"\n`);
  installDynamo(world);
  symlinkSync(join(packageFolder, 'node_modules'), join(world.work, 'node_modules'));
  const env = { DYN_HTTP_PORT: String(await freePort()) };
  return await startCommand(world, ['sh', '-c', line], { env }).ended;
}

function only(part: string): string {
  const [line, ...more] = docCommands('ci.md', part);
  expect({ line: line !== undefined, more }).toEqual({ line: true, more: [] });
  return line ?? '';
}

test('curl', async ({ world }) => {
  const { code, stdout } = await shell(world, only('/models'));
  expect({ code, listed: stdout.includes('"Qwen/Qwen3-0.6B"') }, stdout).toEqual({ code: 0, listed: true });
});

test('vitest', async ({ world }) => {
  writeFileSync(join(world.work, 'package.json'), '{"type":"module"}');
  writeFileSync(join(world.work, 'chat.test.js'), docFile('ci.md', 'chat.test.js'));
  const { code, stdout, stderr } = await shell(world, only('-- npx vitest run'));
  expect({ code, passed: /Tests .*1 passed/.test(stdout) }, stdout + stderr).toEqual({
    code: 0,
    passed: true,
  });
});

test('load', async ({ world }) => {
  writeFileSync(join(world.work, 'package.json'), '{"type":"module"}');
  writeFileSync(join(world.work, 'load.js'), docFile('ci.md', 'load.js'));
  const { code, stdout } = await shell(world, only('-- node load.js'));
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^40 chats, median \d+ ms\n$/),
  });
});
