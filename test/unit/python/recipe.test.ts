/** What is installed for each engine and version, and every deviation from upstream. */
import { expect, test } from 'vitest';
import { DynamoError } from '../../../src/base/error.ts';
import type { UpstreamName } from '../../../src/engine/engines.ts';
import { defaultVersion, recipeFor, toolRecipe } from '../../../src/python/recipe.ts';
import { toolNames } from '../../../src/python/tools.ts';

function lines(engine: UpstreamName, version: string): string[] {
  const { requirement, preReleases, overrides } = recipeFor(engine, version);
  return [requirement, ...preReleases.map(({ line }) => line), ...overrides.map(({ line }) => `!${line}`)];
}

const noSimulator = '!aisimulate ; python_version < "3"';

test.for([
  ['mocker', '1.1.1', ['ai-dynamo==1.1.1']],
  ['mocker', '1.4.2', ['ai-dynamo==1.4.2']],
  ['mocker', '1.5.1', ['ai-dynamo==1.5.1', noSimulator]],
  ['mocker', '1.6.0', ['ai-dynamo==1.6.0', noSimulator]],
  ['mocker', '1.6.1', ['ai-dynamo==1.6.1', noSimulator, '!certifi>=2025']],
  ['sglang', '1.1.1', ['ai-dynamo[sglang]==1.1.1', 'flash-attn-4>=4.0.0b4', '!numpy<2.4']],
  ['sglang', '1.2.1', ['ai-dynamo[sglang]==1.2.1', 'flash-attn-4>=4.0.0b9']],
  ['sglang', '1.3.1', ['ai-dynamo[sglang]==1.3.1', 'flash-attn-4==4.0.0b15']],
  ['sglang', '1.4.2', ['ai-dynamo[sglang]==1.4.2', 'flash-attn-4>=4.0.0b18']],
  [
    'sglang',
    '1.5.1',
    ['ai-dynamo[sglang]==1.5.1', 'flash-attn-4>=4.0.0b18', noSimulator, '!cuda-tile==1.6.0'],
  ],
] as const)('%s %s', ([engine, version, expected]) => {
  expect(lines(engine, version)).toEqual(expected);
});

test('every deviation has a reason', () => {
  const { preReleases, overrides } = recipeFor('sglang', '1.6.1');
  for (const { because } of [...preReleases, ...overrides]) expect(because.length).toBeGreaterThan(20);
});

test('a version published only as post-release is installed as such, with a note', () => {
  const recipe = recipeFor('mocker', '1.2.0');
  expect(recipe).toMatchObject({ version: '1.2.0.post1', name: 'mocker-1.2.0.post1' });
  expect(recipe.notes).toEqual(['Dynamo 1.2.0 was published as 1.2.0.post1.']);
  expect(recipeFor('mocker', '1.2.0.post1').notes).toEqual([]);
});

test.for([
  ['v1.4.2', '1.4.2'],
  ['1.4', '1.4.0'],
  ['1.2', '1.2.0.post1'],
] as const)('%s is %s, with one environment', ([asked, version]) => {
  expect(recipeFor('mocker', asked)).toMatchObject({ version, name: `mocker-${version}` });
});

test('a newer version is installed like the newest tested one, with a note', () => {
  expect(lines('mocker', '1.7.0')).toEqual(['ai-dynamo==1.7.0', noSimulator, '!certifi>=2025']);
  expect(recipeFor('mocker', '1.7.0').notes[0]).toMatch(
    /newer than the versions tested; it is installed like 1\.6\.1/,
  );
});

test.for(['1.0.2', '0.9.1', '1.1.0rc1', 'newest', '1.4.x', '', '==1.4.2'])('%j is refused', (version) => {
  const refused = (): unknown => recipeFor('mocker', version);
  expect(refused).toThrow(DynamoError);
  expect(refused).toThrow(
    expect.objectContaining({ code: 'usage', hint: expect.stringContaining('--version 1.') }),
  );
});

test('the defaults need no note, and SGLang needs far more space', () => {
  const [mocker, sglang] = [
    recipeFor('mocker', defaultVersion('mocker')),
    recipeFor('sglang', defaultVersion('sglang')),
  ];
  expect([...mocker.notes, ...sglang.notes]).toEqual([]);
  expect(mocker.diskBytes).toBeLessThan(2e9);
  expect(sglang.diskBytes).toBeGreaterThan(10e9);
});

test('the worker is imported if that works without a driver', () => {
  expect(recipeFor('sglang', '1.4.2').imports).toContain('dynamo.sglang.main');
  expect(recipeFor('sglang', '1.1.1').imports).not.toContain('dynamo.sglang.main');
});

test.for(toolNames)('the tool %s is installed in one tested version, by one command', (tool) => {
  const recipe = toolRecipe(tool);
  expect(recipe.requirement).toBe(`${tool}==${recipe.version}`);
  expect(recipe.name).toBe(`${tool}-${recipe.version}`);
  expect(recipe.installedBy).toBe(`dynamo setup --tool ${tool}`);
  expect(recipe.imports.length).toBeGreaterThan(0);
});

test('--with planner adds what the planner imports, where it can run at all', () => {
  const recipe = recipeFor('mocker', '1.4.2', 'planner');
  expect(recipe).toMatchObject({ name: 'mocker-1.4.2-planner', requirement: 'ai-dynamo==1.4.2' });
  expect(recipe.additions.map(({ line }) => line)).toContain('grpcio');
  expect(recipe.imports).toContain('dynamo.planner.__main__');
  expect(recipe.installedBy).toBe('dynamo setup --engine mocker --version 1.4.2 --with planner');
  expect(recipeFor('mocker', '1.5.1', 'planner').additions.map(({ line }) => line)).toContain(
    'aiconfigurator-core==0.12.0',
  );
  expect(recipeFor('mocker', '1.4.2').additions).toEqual([]);
  for (const version of ['1.1.1', '1.6.1'])
    expect(() => recipeFor('mocker', version, 'planner')).toThrow(/--with planner: the planner of Dynamo/);
});
