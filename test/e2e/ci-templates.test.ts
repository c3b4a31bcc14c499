/** The GitHub Action and the GitLab template: their shell scripts run as in those systems. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { readXml } from '../support/xml.ts';
import { type Ended, packageFolder, startCommand } from './harness/cli.ts';
import { faulty } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { standIn, test, type World } from './harness/world.ts';

interface Step {
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default: string }>>;
  readonly runs: { readonly steps: readonly Step[] };
}

interface Gitlab {
  readonly '.dynamo-smoke': {
    readonly variables: Readonly<Record<string, string>>;
    readonly before_script: readonly string[];
    readonly script: readonly string[];
  };
}

function read(file: string): unknown {
  return parse(readFileSync(join(packageFolder, file), 'utf8'));
}

/** Runs a line as the shell of the CI system does, with these variables. */
async function shell(
  world: World,
  line: string,
  variables: Readonly<Record<string, string>>,
): Promise<Ended> {
  standIn(world, 'dirname', '#!/bin/sh\necho "${1%/*}"\n');
  const env = { DYN_HTTP_PORT: String(await freePort()), ...variables };
  return await startCommand(world, ['bash', '-e', '-c', line], { env }).ended;
}

function casesOf(world: World, folder: string): (string | undefined)[] {
  const report = readXml(readFileSync(join(world.work, folder, 'junit.xml'), 'utf8'));
  return report.children.map(({ attributes }) => `${attributes['name']} ${attributes['failures']}`);
}

/** Runs the shell steps of action.yml with these inputs, and gives how each ended. */
async function runAction(world: World, given: Readonly<Record<string, string>>): Promise<Ended[]> {
  const { inputs, runs } = read('action.yml') as Action;
  const valueOf = (expression: string): string =>
    expression.replaceAll(
      /\$\{\{ inputs\.([\w-]+) \}\}/g,
      (_, name: string) => given[name] ?? inputs[name]?.default ?? '',
    );
  const output = join(world.work, 'output');
  const ended: Ended[] = [];
  for (const { run, env = {} } of runs.steps) {
    if (run === undefined) continue;
    const own = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, valueOf(value)]));
    const github = { GITHUB_ACTION_PATH: packageFolder.replace(/\/$/, ''), GITHUB_OUTPUT: output };
    ended.push(await shell(world, run, { ...github, ...own }));
  }
  return ended;
}

test('the action: cache key, install, smoke, results', async ({ world }) => {
  const ended = await runAction(world, { profiles: 'agg embeddings', args: '--parallel 2' });
  expect(ended.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual([0, 0, 0]);
  expect(readFileSync(join(world.work, 'output'), 'utf8')).toMatch(
    /^key=dynamo-npm-linux-\w+-[0-9a-f]{16}\n$/,
  );
  expect(casesOf(world, 'dynamo-smoke')).toEqual(['agg 0', 'embeddings 0']);
  expect(existsSync(join(world.work, 'dynamo-smoke/agg/logs/worker.log'))).toBe(true);
});

test('the action fails when a request fails', async ({ world }) => {
  const broken = faulty(world, 'agg', { frontend: ['--fault', 'usage'] });
  const ended = await runAction(world, { profiles: broken, results: 'elsewhere' });
  expect(ended.map(({ code }) => code)).toEqual([0, 0, 1]);
  expect(casesOf(world, 'elsewhere')).toEqual(['faulty 1']);
});

test('the GitLab template', async ({ world }) => {
  const { variables, before_script: before, script } = (read('ci/gitlab.yml') as Gitlab)['.dynamo-smoke'];
  const env = { ...variables, DYNAMO_FOLDER: packageFolder.replace(/\/$/, ''), DYNAMO_PROFILES: 'disagg' };
  const { code, stderr } = await shell(world, [...before, ...script].join('\n'), env);
  expect({ code }, stderr).toEqual({ code: 0 });
  expect(casesOf(world, 'dynamo-smoke')).toEqual(['disagg 0']);
});
