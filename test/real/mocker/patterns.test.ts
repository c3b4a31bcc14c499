/** Upstream's frontend with the mocker: what clients see, and what upstream reports. */
import { describe, expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { requestsOf, type Running, up } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
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
    // What upstream reports is true as well.
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

  test('agg_router without KV events routes by prediction', { timeout }, async ({ world }) => {
    const running = await up(world, 'agg_router', [...mocker, '--set', 'approx=true']);
    expect(running.proof.reuse).toMatch(/cached|hit rate/);
    await succeed(world, ['down']);
  });
});
