/** Names of profiles: a name, an alias, an upstream script, a file. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { dynamo, packageFolder, succeed } from './harness/cli.ts';
import { ps, up } from './harness/deployment.ts';
import { test } from './harness/world.ts';

test('an upstream script path starts the profile, and the first line says which', async ({ world }) => {
  const { name, notes } = await up(world, './launch/disagg.sh');
  expect(name).toBe('disagg');
  const file = join(packageFolder, 'launch-profiles', 'disagg.yaml');
  expect(notes.split('\n')[0]).toBe(`./launch/disagg.sh: using the shipped profile disagg (${file})`);
  expect((await ps(world)).map(({ profile }) => profile)).toEqual(['disagg']);
  await succeed(world, ['down']);
});

const names: readonly [typed: string, profile: string][] = [
  ['agg.sh', 'agg'],
  ['/opt/dynamo/examples/backends/sglang/launch/agg_router.sh', 'agg_router'],
  ['disagg_router.sh', 'disagg_router'],
  ['launch/disagg_same_gpu.sh', 'disagg_same_gpu'],
  ['agg_vision', 'vision'],
  ['agg_vision.sh', 'vision'],
  ['multimodal_epd.sh', 'multimodal_epd'],
  ['multimodal_disagg.sh', 'multimodal_disagg'],
  ['image_diffusion', 'diffusion'],
  ['text-to-video-diffusion.sh', 'video'],
  ['text-to-video-diffusion', 'video'],
  ['diffusion_llada', 'diffusion_lm'],
  ['agg_embed', 'embeddings'],
  ['agg_embed.sh', 'embeddings'],
];

test('every alias and upstream script resolves, and `plan` shows to which profile', async ({ world }) => {
  for (const [typed, profile] of names) {
    const { stdout, stderr } = await succeed(world, ['plan', typed, '--engine', 'sim', '--json']);
    expect((JSON.parse(stdout) as { profile: { name: string } }).profile.name, typed).toBe(profile);
    expect(stderr, typed).toContain(`${typed}: using the shipped profile ${profile} (`);
  }
});

test('a project profile overrides a user profile, which overrides the shipped one, and each is named', async ({
  world,
}) => {
  const shipped = await succeed(world, ['plan', 'agg', '--engine', 'sim']);
  expect(shipped.stderr).toBe('');
  const user = join(world.config, 'dynamo', 'launch-profiles');
  mkdirSync(user, { recursive: true });
  writeFileSync(
    join(user, 'agg.yaml'),
    `extends: ${join(packageFolder, 'launch-profiles', 'agg.yaml')}\ndescription: Mine\n`,
  );
  const second = await succeed(world, ['plan', 'agg', '--engine', 'sim']);
  expect(second.stderr).toContain('using the user profile agg');
  expect(second.stdout).toContain('Mine');
  const project = join(world.work, 'launch-profiles');
  mkdirSync(project);
  writeFileSync(
    join(project, 'agg.yaml'),
    `extends: ${join(packageFolder, 'launch-profiles', 'agg.yaml')}\ndescription: Ours\n`,
  );
  const third = await succeed(world, ['plan', 'agg', '--engine', 'sim']);
  expect(third.stderr).toContain('using the project profile agg');
  const list = await succeed(world, ['profiles', 'list']);
  expect(list.stdout).toMatch(/agg .*project/);
});

test('a copy of a shipped profile with two letters exchanged is read as it is', async ({ world }) => {
  const shipped = readFileSync(join(packageFolder, 'launch-profiles', 'agg.yaml'), 'utf8');
  const text = shipped.replace('default: Qwen/Qwen3-0.6B', 'default: Qwne/Qwen3-0.6B');
  expect(text).not.toBe(shipped);
  writeFileSync(join(world.root, 'mine.yaml'), text);
  const { stdout } = await succeed(world, [
    'plan',
    join(world.root, 'mine.yaml'),
    '--engine',
    'sim',
    '--json',
  ]);
  expect((JSON.parse(stdout) as { model: { servedName: string } }).model.servedName).toBe('Qwne/Qwen3-0.6B');
});

test('an unknown profile exits with 66 and the nearest name', async ({ world }) => {
  const { code, stdout, stderr } = await dynamo(world, ['up', 'disag', '--engine', 'sim']);
  expect({ code, stdout }).toEqual({ code: 66, stdout: '' });
  expect(stderr).toMatch(/no profile "disag"/);
  expect(stderr).toMatch(/did you mean disagg\?/);
});

test('an invalid profile exits with 65 and file, line and column of every error', async ({ world }) => {
  writeFileSync(
    join(world.work, 'mine.yaml'),
    'extends: agg\ncomponents:\n  worker:\n    replicas: many\n    pagesize: 16\n',
  );
  const { code, stdout, stderr } = await dynamo(world, ['up', './mine.yaml', '--engine', 'sim']);
  expect({ code, stdout }).toEqual({ code: 65, stdout: '' });
  expect(stderr).toMatch(/mine\.yaml:4:15/);
  expect(stderr).toMatch(/mine\.yaml:5:5/);
  expect(stderr).toMatch(/pageSize/);
  expect(stderr).toMatch(/\^/);
});
