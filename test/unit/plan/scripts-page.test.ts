/** docs/upstream/scripts.md: its links lead to files, it names every script, and what it says of media addresses is so. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { options, pythonHost } from '../../support/profile.ts';
import { shipped, shippedNames } from '../../support/shipped-profiles.ts';

const page = fileURLToPath(new URL('../../../docs/upstream/scripts.md', import.meta.url));
const text = readFileSync(page, 'utf8');

test('every link leads to a file, and every row has one or a reason', () => {
  const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path = '']) => path);
  expect(links.length).toBeGreaterThan(50);
  expect(links.filter((path) => !existsSync(join(dirname(page), path)))).toEqual([]);
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && !/^\| (upstream|-)/.test(line));
  expect(rows.length).toBeGreaterThan(45);
  expect(rows.filter((row) => !/\]\([^)]*test[^)]*\) +\|$|\| +– +\|$/.test(row))).toEqual([]);
});

test('every profile and every script of one is on it', async () => {
  for (const name of await shippedNames()) {
    expect(text).toContain(`dynamo up ${name}\``);
    const { upstreamScripts } = await shipped(name);
    for (const script of upstreamScripts) expect(text).toContain(`./launch/${script}`);
  }
});

test.each([
  ['diffusion', 'fsUrl=s3://bucket/path', 's3://bucket/path'],
  ['diffusion', 'httpUrl=https://cdn.example', 'https://cdn.example'],
  ['video', 'fsUrl=s3://bucket/path', 's3://bucket/path'],
  ['video', 'httpUrl=https://cdn.example', 'https://cdn.example'],
  ['video', 'wanSize=14b', 'Wan-AI/Wan2.1-T2V-14B-Diffusers'],
])('%s with %s gives its worker %s', async (name, setting, word) => {
  const plan = makePlan(await shipped(name, setting), options({ engine: 'sglang' }), pythonHost('1.4.2'));
  const worker = plan.processes.find(({ kind }) => kind === 'worker');
  expect(worker?.argv).toContain(word);
});
