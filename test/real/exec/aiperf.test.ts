/** The aiperf example of docs/ci.md with the real aiperf from PyPI. */
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { executable, packageFolder, startCommand } from '../../e2e/harness/cli.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { standIn, test } from '../../e2e/harness/world.ts';
import { docCommands } from '../../support/doc-blocks.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { runTool, withPath } from '../support/real-tools.ts';

/** Time to install 840 MB and start a dozen Python processes on a slow network. */
const timeout = 480_000;

async function installAiperf(): Promise<string> {
  const folder = tempFolder();
  const python = join(folder, 'bin/python3');
  await runTool('python3', ['-m', 'venv', folder]);
  await runTool(python, ['-m', 'pip', 'install', '--quiet', 'uv==0.13.9']);
  const words = ['pip', 'install', '--quiet', '--python', python, 'aiperf==0.13.0'];
  await runTool(join(folder, 'bin/uv'), words);
  return join(folder, 'bin');
}

test('works with exec, and each of its requests is answered', { timeout }, async ({ world }) => {
  const bin = await installAiperf();
  // As after `npm install --global`.
  const modules = join(world.root, 'modules');
  mkdirSync(modules);
  symlinkSync(packageFolder, join(modules, 'dynamo-launcher'));
  standIn(world, 'npm', `#!/bin/sh\necho ${modules}\n`);
  standIn(world, 'dynamo', `#!/bin/sh\nexec node ${executable} "$@"\n`);
  const [line = ''] = docCommands('ci.md', 'aiperf profile');
  const env = { ...withPath(world, bin), DYN_HTTP_PORT: String(await freePort()) };
  const { code, stdout, stderr } = await startCommand(world, ['sh', '-c', line], { env }).ended;
  expect(code, stdout + stderr).toBe(0);
  const folder = join(world.work, 'artifacts/Qwen_Qwen3-0.6B-openai-chat-concurrency8');
  const report = JSON.parse(readFileSync(join(folder, 'profile_export_aiperf.json'), 'utf8')) as {
    readonly request_count?: { readonly avg?: number };
    readonly error_request_count?: { readonly avg?: number };
  };
  expect([report.request_count?.avg, report.error_request_count?.avg ?? 0]).toEqual([16, 0]);
});
