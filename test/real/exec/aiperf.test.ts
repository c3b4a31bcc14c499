/** The aiperf example of docs/ci.md, and `bench --with aiperf`, with the real aiperf from PyPI. REAL_AIPERF: where it is installed already. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import type { BenchResult } from '../../../src/bench/result.ts';
import { dynamo, executable, packageFolder, startCommand, succeed } from '../../e2e/harness/cli.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { standIn, test } from '../../e2e/harness/world.ts';
import { docCommands } from '../../support/doc-blocks.ts';
import { pythons } from '../support/python.ts';
import { runTool, withPath } from '../support/real-tools.ts';

/** Time to install 840 MB and start a dozen Python processes on a slow network. */
const timeout = 480_000;

/** Once for all tests of this file. */
let folderOfAll: Promise<string> | undefined;

async function installAiperf(): Promise<string> {
  return await (process.env['REAL_AIPERF'] ?? (folderOfAll ??= install()));
}

const places: string[] = [];
afterAll(() => places.forEach((place) => rmSync(place, { recursive: true, force: true })));

async function install(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'aiperf-'));
  places.push(folder);
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
  const env = { ...withPath(world, world.bin, bin), DYN_HTTP_PORT: String(await freePort()) };
  const { code, stdout, stderr } = await startCommand(world, ['sh', '-c', line], { env }).ended;
  expect(code, stdout + stderr).toBe(0);
  const folder = join(world.work, 'artifacts/Qwen_Qwen3-0.6B-openai-chat-concurrency8');
  const report = JSON.parse(readFileSync(join(folder, 'profile_export_aiperf.json'), 'utf8')) as {
    readonly request_count?: { readonly avg?: number };
    readonly error_request_count?: { readonly avg?: number };
  };
  expect([report.request_count?.avg, report.error_request_count?.avg ?? 0]).toEqual([16, 0]);
});

/** Both on one mocker, one after the other, with the same requests; the processes of aiperf share the cores of the mocker. */
test(
  'bench and aiperf agree: tokens exactly, ITL within 25 %, TTFT within 50 %',
  { timeout },
  async ({ world }) => {
    const env = withPath(world, await installAiperf());
    const python = pythons('mocker').at(-1)?.python ?? '';
    const own = ['--engine', 'mocker', '--python', python, '--http-port', String(await freePort())];
    await succeed(world, ['up', 'agg', '--detach', '--quiet', '--name', 'both', ...own]);
    const figures = async (...flags: readonly string[]) => {
      const load = [
        '--concurrency',
        '4',
        '--requests',
        '40',
        '--isl',
        '200',
        '--osl',
        '32',
        '--rounds',
        '1',
        ...flags,
      ];
      // Not `succeed`: on a busy machine its figures are withheld, with exit code 1.
      const { stdout } = await dynamo(world, ['bench', '--run', 'both', ...load, '--json'], { env });
      const round = (JSON.parse(stdout) as BenchResult).arms[0]?.points[0]?.rounds[0];
      if (round === undefined) throw new Error('no round');
      return round.figures;
    };
    const ours = await figures('--seed', '1');
    // Other prompts, so that none is in the cache.
    const theirs = await figures('--seed', '2', '--with', 'aiperf');
    await succeed(world, ['down', 'both']);
    for (const { answered, errors, osl } of [ours, theirs])
      expect({ answered, errors, osl: osl?.mean }).toEqual({ answered: 40, errors: 0, osl: 32 });
    expect(Math.abs((theirs.isl?.mean ?? 0) / (ours.isl?.mean ?? 1) - 1)).toBeLessThan(0.05);
    const ratio = (name: 'ttft' | 'itl'): number => (ours[name]?.p50 ?? 0) / (theirs[name]?.p50 ?? 1);
    expect(Math.abs(Math.log(ratio('itl')))).toBeLessThan(Math.log(1.25));
    expect(Math.abs(Math.log(ratio('ttft')))).toBeLessThan(Math.log(1.5));
  },
);
