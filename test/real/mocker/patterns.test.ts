/** Upstream's frontend before the mocker: every pattern that it can play serves, and leaves nothing. */
import { describe, expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { ps, requestsOf, type Running, up } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
import { install, versions } from '../support/installed.ts';
import { pythons } from '../support/python.ts';

const timeout = 240_000;

async function chat({ client, model }: Running, content = 'Hello!') {
  return await client.chat.completions.create(
    { model, messages: [{ role: 'user', content }], max_tokens: 8 },
    { timeout: 60_000 },
  );
}

describe.each(pythons('mocker'))('$name', ({ python }) => {
  const mocker = ['--engine', 'mocker', '--python', python];

  test('agg serves under the name of the profile, without a network', { timeout }, async ({ world }) => {
    const running = await up(world, 'agg', mocker);
    expect(running).toMatchObject({ engine: 'mocker', model: 'Qwen/Qwen3-0.6B' });
    expect((await running.client.models.list()).data.map(({ id }) => id)).toEqual(['Qwen/Qwen3-0.6B']);
    expect((await chat(running)).usage?.completion_tokens).toBe(8);
    // What upstream says of itself is true, too.
    const port = running.processes.find(({ name }) => name === 'worker')?.ports['system'];
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
    const { stderr } = await succeed(world, ['down']);
    expect(stderr).toContain('nothing is left');
    expect(stderr).not.toContain('SIGKILL');
  });

  test('disagg answers through prefill and decode', { timeout }, async ({ world }) => {
    const running = await up(world, 'disagg', mocker);
    expect([...running.proof.usedRoles].toSorted()).toEqual(['decode', 'prefill']);
    const before = [await requestsOf(running, 'prefill'), await requestsOf(running, 'decode')];
    await chat(running);
    const after = [await requestsOf(running, 'prefill'), await requestsOf(running, 'decode')];
    expect(after.map((count, i) => count - (before[i] ?? 0))).toEqual([1, 1]);
    await succeed(world, ['down']);
  });

  test.for(['agg_router', 'disagg_router'])(
    '%s sends a repeated prompt to where it is cached',
    { timeout },
    async (profile, { world }) => {
      const running = await up(world, profile, mocker);
      expect(running.proof.reuse).toMatch(/cached|hit rate/);
      const [run] = await ps(world);
      expect(run?.processes.map(({ state }) => state)).toEqual(running.processes.map(() => 'ready'));
      await succeed(world, ['down']);
    },
  );

  test('agg_router without KV events routes by prediction', { timeout }, async ({ world }) => {
    const running = await up(world, 'agg_router', [...mocker, '--set', 'approx=true']);
    expect(running.proof.reuse).toMatch(/cached|hit rate/);
    await succeed(world, ['down']);
  });

  test('agg_router with etcd and NATS of its own', { timeout }, async ({ world }) => {
    const [binaries] = versions();
    if (binaries === undefined) throw new Error('etcd and nats-server are not installed');
    install(world, binaries);
    const running = await up(world, 'agg_router', [...mocker, '--infra', 'process']);
    expect((await chat(running)).usage?.completion_tokens).toBe(8);
    await succeed(world, ['down']);
  });
});
