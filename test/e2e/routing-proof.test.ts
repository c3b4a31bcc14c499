/** The proof of a KV router: what each pool reports, and that it fails if the routing of one is broken. */
import { expect } from 'vitest';
import { dynamo, succeed } from './harness/cli.ts';
import { faulty, onSim, up } from './harness/deployment.ts';
import { test, type World } from './harness/world.ts';

test('each pool reports its own cache share', async ({ world }) => {
  const { proof } = await up(world, 'disagg_router');
  const said = /^prefill (\d+) of (\d+) tokens cached, decode (\d+) of \3 requests avoided the busy worker$/;
  const [, cached, prompt] = said.exec(proof.reuse ?? '') ?? [];
  expect(Number(cached) / Number(prompt), proof.reuse).toBeGreaterThan(0.5);
  expect(Number(cached)).toBeLessThanOrEqual(Number(prompt));
  await succeed(world, ['down']);
});

async function broken(world: World, fault: string): Promise<string> {
  const profile = faulty(world, 'disagg_router', { frontend: ['--fault', fault] });
  const { code, stderr } = await dynamo(world, ['up', profile, '--detach', ...(await onSim())]);
  expect(code).toBe(69);
  return stderr;
}

test('a deployment whose prefill workers take turns is not ready', { timeout: 90_000 }, async ({ world }) => {
  const said = await broken(world, 'prefill-routing');
  expect(said).toContain('a repeated prompt was never answered from the cache of prefill-1 and prefill-2');
  expect(said).toContain('fix: ');
});

test(
  'nor is one whose decode workers are chosen regardless of load',
  { timeout: 90_000 },
  async ({ world }) => {
    const said = await broken(world, 'decode-routing');
    expect(said).toContain('with decode-1 and decode-2, a request went to the busy worker');
  },
);
