/** `smoke` on the embedded engine: passes every profile, and fails exactly what is broken. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { caseFaults, type CaseFault } from '../../src/sim/seeded-fault.ts';
import { readXml } from '../support/xml.ts';
import { dynamo, succeed } from './harness/cli.ts';
import { onSim } from './harness/deployment.ts';
import { test, type World } from './harness/world.ts';

interface Report {
  readonly version: number;
  readonly passed: boolean;
  readonly suites: readonly {
    readonly name: string;
    readonly cases: readonly { readonly name: string; readonly state: string; readonly text: string }[];
  }[];
}

export function casesIn(stdout: string, state: string): Record<string, string[]> {
  const { suites } = JSON.parse(stdout) as Report;
  return Object.fromEntries(
    suites.map(({ name, cases }) => [
      name,
      cases.filter((each) => each.state === state).map((each) => each.name),
    ]),
  );
}

test('every profile passes, and the reports say so', { timeout: 120_000 }, async ({ world }) => {
  const { stdout } = await succeed(world, [
    'smoke',
    '--all',
    ...(await onSim()),
    '--json',
    '--junit',
    'r/out.xml',
  ]);
  const { version, passed, suites } = JSON.parse(stdout) as Report;
  expect({ version, passed }).toEqual({ version: 1, passed: true });
  expect(suites.map(({ name }) => name)).toHaveLength(12);
  const others = suites.flatMap(({ name, cases }) =>
    cases.filter(({ state }) => state !== 'passed').map((each) => `${name} ${each.name}: ${each.text}`),
  );
  expect(others).toEqual([]);
  for (const { cases } of suites) expect([cases[0]?.name, cases.at(-1)?.name]).toEqual(['up', 'down']);
  const junit = readXml(readFileSync(join(world.work, 'r/out.xml'), 'utf8'));
  expect(junit.children.map(({ attributes }) => attributes['name'])).toEqual(suites.map(({ name }) => name));
  // Logs are there for failures only: those of all profiles would be megabytes.
  const outputs = junit.children.map(({ children }) => children.find(({ name }) => name === 'system-out'));
  expect(outputs.map((output) => output?.text ?? '')).toEqual(suites.map(() => ''));
});

/** The shipped profile that has each case; `agg` for all others. */
const profiles: Readonly<Partial<Record<CaseFault, string>>> = {
  // One of its two pools.
  'kv-reuse': 'disagg_router',
  'disagg-roles': 'disagg',
  vision: 'vision',
  embeddings: 'embeddings',
  image: 'diffusion',
  video: 'video',
};

function seeded(world: World, fault: CaseFault): string {
  const args = JSON.stringify(['--fault', fault]);
  const frontend = `components:\n  frontend:\n    engineArgs:\n      sim: ${args}\n`;
  writeFileSync(
    join(world.work, `broken-${fault}.yaml`),
    `extends: ${profiles[fault] ?? 'agg'}\n${frontend}`,
  );
  return `./broken-${fault}.yaml`;
}

test('a fault in one request fails exactly that case', { timeout: 120_000 }, async ({ world }) => {
  const files = caseFaults.map((fault) => seeded(world, fault));
  const words = ['smoke', ...files, ...(await onSim()), '--json', '--parallel', '2'];
  const { code, stdout } = await dynamo(world, words);
  expect(code).toBe(1);
  expect(casesIn(stdout, 'failed')).toEqual(
    Object.fromEntries(caseFaults.map((fault) => [`broken-${fault}`, [fault]])),
  );
  expect(Object.values(casesIn(stdout, 'skipped')).flat()).toEqual([]);
});
