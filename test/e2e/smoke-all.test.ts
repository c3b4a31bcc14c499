/** `smoke --all` on a host with fewer GPUs than some profiles need: those are skipped, with the reason. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { venv } from '../support/python-folder.ts';
import { readXml } from '../support/xml.ts';
import { dynamo } from './harness/cli.ts';
import { fakeGpus } from './harness/gpus.ts';
import { test, type World } from './harness/world.ts';

/** SGLang as far as a plan can see; a start fails at once. */
function sglang(world: World): string[] {
  const folder = venv(['ai_dynamo-1.4.2', 'sglang-0.5.14'], join(world.work, 'env'));
  writeFileSync(join(folder, 'bin/python3'), '#!/bin/sh\nexit 3\n', { mode: 0o755 });
  return ['--engine', 'sglang', '--python', folder];
}

/** A dozen profiles are tested. */
const timeout = 240_000;

interface Report {
  readonly suites: readonly {
    readonly name: string;
    readonly cases: readonly { readonly name: string; readonly state: string; readonly text: string }[];
  }[];
}

test('with one GPU, profiles that need two are skipped and others tested', { timeout }, async ({ world }) => {
  fakeGpus(world, 1);
  const words = ['smoke', '--all', ...sglang(world), '--json', '--junit', 'out.xml'];
  const { code, stdout, stderr } = await dynamo(world, words);
  expect(code, stderr).toBe(1);
  const { suites } = JSON.parse(stdout) as Report;
  const named = (state: string): string[] =>
    suites.flatMap(({ name, cases }) => (cases[0]?.state === state ? [name] : []));
  expect(named('skipped')).toEqual([
    'agg_router',
    'disagg',
    'disagg_router',
    'multimodal_disagg',
    'multimodal_epd',
  ]);
  expect(named('failed')).toHaveLength(suites.length - 5);
  const disagg = suites.find(({ name }) => name === 'disagg');
  expect(disagg?.cases).toMatchObject([
    { name: 'up', state: 'skipped', text: expect.stringMatching(/^Needs 2 GPUs, but only 1 is allowed\.\n/) },
  ]);
  const junit = readXml(readFileSync(join(world.work, 'out.xml'), 'utf8'));
  const suite = junit.children.find(({ attributes }) => attributes['name'] === 'disagg');
  expect(suite?.attributes).toMatchObject({ tests: '1', failures: '0', skipped: '1' });
});

test('if nothing can be tested, it is not a success', { timeout }, async ({ world }) => {
  const { code, stdout, stderr } = await dynamo(world, ['smoke', '--all', ...sglang(world)]);
  expect(code, stderr).toBe(1);
  expect(stderr).toContain('Nothing was tested');
  expect(stdout).toMatch(/^disagg +skipped +0 +0 +1 /m);
  expect(stdout).toMatch(/^disagg skipped up .*no NVIDIA GPU/m);
});

test('a profile named explicitly fails instead', { timeout }, async ({ world }) => {
  fakeGpus(world, 1);
  const { code, stdout } = await dynamo(world, ['smoke', 'disagg', ...sglang(world)]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^up +failed .*Needs 2 GPUs/m);
});
