/** The pytest example of docs/ci.md with the real pytest: python3 with pytest must be installed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { executable, startCommand } from '../../e2e/harness/cli.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { standIn, test } from '../../e2e/harness/world.ts';
import { docCommands, docFile } from '../../support/doc-blocks.ts';

test('pytest', async ({ world }) => {
  standIn(world, 'dynamo', `#!/bin/sh\nexec node ${executable} "$@"\n`);
  writeFileSync(join(world.work, 'test_chat.py'), docFile('ci.md', 'test_chat.py'));
  const [line = ''] = docCommands('ci.md', 'pytest -q test_chat.py');
  // python3 and its packages, including pytest, are on the PATH of the user who runs the tests.
  const env = {
    PATH: `${world.bin}:${process.env['PATH']}`,
    PYTHONDONTWRITEBYTECODE: '1',
    DYN_HTTP_PORT: String(await freePort()),
  };
  const { code, stdout, stderr } = await startCommand(world, ['sh', '-c', line], { env }).ended;
  expect({ code, passed: stdout.includes('1 passed') }, stdout + stderr).toEqual({ code: 0, passed: true });
});
