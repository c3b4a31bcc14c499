/** Real SGLang on a CPU: patterns with text or vectors; etcd or a worker dies, and down runs while it loads. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { compareVersions } from '../../src/base/package-version.ts';
import { readEnvironment } from '../../src/python/read-environment.ts';
import { succeed } from '../e2e/harness/cli.ts';
import { ps, requestsOf } from '../e2e/harness/deployment.ts';
import { test } from '../e2e/harness/world.ts';
import { listeners } from '../oracle/proc.ts';
import { model, rotary } from '../real/support/models.ts';
import { pythons } from '../real/support/python.ts';
import {
  killThenDown,
  outlivesEtcd,
  sglangTimeout as timeout,
  upOnCpu,
  withInfra,
} from '../real/support/sglang.ts';

describe.each(pythons('sglang'))('$name', ({ python }) => {
  test('agg answers, and its stop leaves no shared memory', { timeout }, async ({ world }) => {
    const running = await upOnCpu(world, 'agg', python, model('tiny-gpt2'));
    expect(running).toMatchObject({ engine: 'sglang', model: 'tiny' });
    const { usage } = await running.client.chat.completions.create(
      { model: 'tiny', messages: [{ role: 'user', content: 'What is a fox?' }], max_tokens: 8 },
      { timeout: 120_000 },
    );
    expect(usage?.completion_tokens).toBeGreaterThan(0);
    const [run] = await ps(world);
    const shared = (run?.processes ?? []).flatMap(({ pid = 0 }) => sharedMemoryBelow(pid));
    // SGLang 0.5.10, that of Dynamo 1.1, creates none.
    const { dynamo = '' } = readEnvironment(python, `${python}/bin/python3`, undefined);
    if (compareVersions(dynamo, '1.2') >= 0) expect(shared.join()).toContain('/dev/shm/sglang_loads_');
    const { stderr } = await succeed(world, ['down']);
    expect(stderr).toContain('nothing is left');
    expect(stderr).not.toContain('SIGKILL');
    expect(shared.filter((path) => existsSync(path))).toEqual([]);
  });

  test(
    'agg_router routes a repeated prompt to the worker that has it cached',
    { timeout },
    async ({ world }) => {
      const running = await upOnCpu(world, 'agg_router', python, model('tiny-gpt2'), withInfra(world));
      const ports = running.processes.flatMap((each) => each.ports['kvEvents'] ?? []);
      expect(ports).toHaveLength(2);
      const [all, beyond] = [listeners(), listeners('beyond loopback')];
      expect(ports.filter((port) => all.has(port))).toEqual(ports);
      expect(ports.filter((port) => beyond.has(port))).toEqual([]);
      expect(running.notes).toMatch(/^events +nats/m);
      expect(running.proof.reuse).toMatch(/cached|hit rate/);
      await outlivesEtcd(world, running);
      await killThenDown(world, 'worker-2');
    },
  );

  test('disagg hands over the KV cache', { timeout }, async ({ world }) => {
    const plain = ['--set', 'multimodal=false', ...withInfra(world)];
    const running = await upOnCpu(world, 'disagg', python, model('tiny-gpt2'), plain);
    expect([...running.proof.usedRoles].toSorted()).toEqual(['decode', 'prefill']);
    expect(await requestsOf(running, 'prefill')).toBeGreaterThan(0);
    await outlivesEtcd(world, running);
    await killThenDown(world, 'prefill');
  });

  test('embeddings are vectors of the model', { timeout }, async ({ world }) => {
    const plain = ['--set', 'components.worker.radixCache=false'];
    const { client } = await upOnCpu(world, 'embeddings', python, model('tiny-bert'), plain);
    const { data } = await client.embeddings.create(
      { model: 'tiny', input: ['a fox', 'a hound'], encoding_format: 'float' },
      { timeout: 120_000 },
    );
    expect(data.map(({ embedding }) => embedding.length)).toEqual([128, 128]);
    await killThenDown(world, 'worker');
  });

  test('diffusion_lm answers', { timeout }, async ({ world }) => {
    const running = await upOnCpu(world, 'diffusion_lm', python, model('tiny-sdar'), rotary);
    expect(running.proof.answer).not.toBe('');
    await killThenDown(world, 'worker');
  });
});

/** Files in /dev/shm that a process or one of its descendants has mapped. */
function sharedMemoryBelow(pid: number): string[] {
  const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'utf8');
  const children = read(`task/${pid}/children`).split(' ').filter(Boolean).map(Number);
  const mapped = read('maps').match(/\/dev\/shm\/\S+/g) ?? [];
  return [...new Set([...mapped, ...children.flatMap(sharedMemoryBelow)])];
}
