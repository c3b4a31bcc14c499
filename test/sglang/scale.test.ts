/** Real SGLang on a CPU: workers come and go under load, one is replaced by one with another parameter, and no request fails. */
import { describe, expect } from 'vitest';
import { succeed } from '../e2e/harness/cli.ts';
import { ps } from '../e2e/harness/deployment.ts';
import { steadyLoad } from '../e2e/harness/steady-load.ts';
import { test, type World } from '../e2e/harness/world.ts';
import { model } from '../real/support/models.ts';
import { pythons } from '../real/support/python.ts';
import { onCpu, onCpuVariables, sglangTimeout as timeout, upOnCpu } from '../real/support/sglang.ts';

async function pids(world: World): Promise<Record<string, number | undefined>> {
  const [run] = await ps(world);
  return Object.fromEntries((run?.processes ?? []).map(({ name, pid }) => [name, pid]));
}

describe.each(pythons('sglang'))('$name', ({ python }) => {
  test('a worker is added, removed and replaced under load', { timeout }, async ({ world }) => {
    const tiny = model('tiny-gpt2');
    const running = await upOnCpu(world, 'agg', python, tiny);
    const first = await pids(world);
    // With two workers on two cores, a request takes seconds.
    const load = steadyLoad(running.url, running.model, 3);
    await load.answers(6);

    await succeed(world, ['scale', 'worker=2']);
    const second = await pids(world);
    expect(Object.keys(second)).toEqual(['frontend', 'worker', 'worker-2']);
    expect(second).toMatchObject(first);
    await load.answers(6);
    await succeed(world, ['scale', 'worker=1']);
    expect(await pids(world)).toEqual(first);
    await load.answers(6);

    const other = ['--set', 'components.worker.memory.maxTotalTokens=15000'];
    const words = ['up', 'agg', '--detach', ...onCpu(python, tiny), ...other, '--replace'];
    const raw = ['--', '--load-format', 'dummy'];
    const { stdout } = await succeed(world, [...words, ...raw], { env: onCpuVariables(world) });
    expect(stdout).toContain('replaced worker → worker-2');
    const last = await pids(world);
    expect(Object.keys(last)).toEqual(['frontend', 'worker-2']);
    expect(last['frontend']).toBe(first['frontend']);
    await load.answers(6);

    const { sent, answered, failed } = await load.end();
    console.log(`${sent} sent, ${answered} answered, ${failed.length} failed`);
    expect(failed).toEqual([]);
    expect(answered).toBe(sent);
    await succeed(world, ['down']);
  });
});
