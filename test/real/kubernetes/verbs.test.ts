/** `smoke` and `exec` on a cluster: up, the requests or the command against a port-forward, down. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { start, succeed } from '../../e2e/harness/cli.ts';
import { up as upHere } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { forwards, inCluster, play, whatIsThere } from './cluster-world.ts';
import { type ControlPlane, startControlPlane } from './harness.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane('1.5-main-2026-08-21', 'v1beta1');
}, 120_000);
afterAll(async () => await plane?.stop());

/** A command whose deployment is called `mine`, with a real one of the engine sim behind its port-forward. */
async function run(world: World, words: readonly string[], rest: readonly string[] = []) {
  const env = inCluster(world, plane);
  const namespace = await plane.namespace();
  const { url } = await upHere(world, 'agg', ['--name', 'behind']);
  forwards(world, { 'svc/mine-frontend': Number(new URL(url).port) });
  const place = ['--on', 'kubernetes', '--namespace', namespace, '--name', 'mine'];
  const session = start(world, [...words, ...place, ...rest], { env });
  const player = await play(plane, namespace, 'mine', { onNode: false });
  await player.allReady();
  const ended = await session.ended;
  expect(await whatIsThere(plane, namespace)).toEqual([]);
  await succeed(world, ['down', 'behind']);
  return ended;
}

test('smoke: every request that fits, as JUnit too', async ({ world }) => {
  const ended = await run(world, ['smoke', 'agg'], ['--junit', 'out.xml', '--json']);
  expect(ended.code, ended.stderr).toBe(0);
  const { passed, suites } = JSON.parse(ended.stdout) as {
    passed: boolean;
    suites: { name: string; cases: { name: string; state: string }[] }[];
  };
  expect(passed).toBe(true);
  expect(suites.map(({ name }) => name)).toEqual(['agg']);
  const states = new Map(suites[0]?.cases.map(({ name, state }) => [name, state]));
  expect(states.get('up')).toBe('passed');
  expect(states.get('chat')).toBe('passed');
  expect(states.get('down')).toBe('passed');
  expect(readFileSync(join(world.work, 'out.xml'), 'utf8')).toContain('<testsuite name="agg"');
});

test('exec: the command reaches it, and its exit code is that of dynamo', async ({ world }) => {
  const script = 'curl --silent --fail $OPENAI_BASE_URL/models && echo " model $OPENAI_MODEL" && exit 7';
  const ended = await run(world, ['exec', 'agg'], ['--', 'sh', '-c', script]);
  expect(ended.code, ended.stderr).toBe(7);
  expect(ended.stdout).toMatch(/"id":"Qwen\/Qwen3-0\.6B".* model Qwen\/Qwen3-0\.6B/s);
  expect(ended.stderr).toContain('dynamo: mine is up on Kubernetes, reached at http://127.0.0.1:');
});
