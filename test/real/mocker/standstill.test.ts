/** Slow upstream workers are not taken for workers that stand still, and each can be sent a request of its own. */
import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { ServingPlan } from '../../../src/plan/plan.ts';
import { createWorkProber } from '../../../src/probe/work.ts';
import { linesSince } from '../../../src/run/log-file.ts';
import { succeed } from '../../e2e/harness/cli.ts';
import { ps, type Running, textBelow, up } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { pythons } from '../support/python.ts';

const timeout = 400_000;

async function planOf(world: World): Promise<ServingPlan> {
  const [run] = await ps(world);
  return JSON.parse(readFileSync(`${run?.logs}/../plan.json`, 'utf8')) as ServingPlan;
}

const numbers = (count: number, seed: number): string =>
  Array.from({ length: count }, (_, index) => String((index * 7919 + seed * 104_729) % 10_007)).join(' ');

/** One after the other until the time is over. Returns how many were answered. */
async function load({ client, model }: Running, lane: number, forMs: number): Promise<number> {
  const lengths = [20, 9_000, 400, 4_000];
  const end = Date.now() + forMs;
  let answered = 0;
  while (Date.now() < end) {
    const content = numbers(lengths[(answered + lane) % lengths.length] ?? 20, answered * 10 + lane);
    const request = { model, messages: [{ role: 'user' as const, content }], max_tokens: 40 };
    await client.chat.completions.create(request, { timeout: 300_000 });
    answered++;
  }
  return answered;
}

describe.each(pythons('mocker'))('$name', ({ python }) => {
  const mocker = ['--engine', 'mocker', '--python', python];

  test(
    'long prompts and slow tokens are no standstill, with a bound of 3 s',
    { timeout },
    async ({ world }) => {
      const slow = ['prefill', 'decode'].flatMap((name) => [
        '--set',
        `components.${name}.engineArgs.mocker=[--speedup-ratio, 0.15]`,
        '--set',
        `components.${name}.liveness.standstillSeconds=3`,
      ]);
      const running = await up(world, 'disagg', [...mocker, ...slow]);
      const answered = await Promise.all([0, 1, 2].map(async (lane) => await load(running, lane, 40_000)));
      expect(Math.min(...answered)).toBeGreaterThan(0);
      expect(textBelow(world.state)).not.toContain('"type":"unhealthy"');
      await succeed(world, ['down']);
    },
  );

  test.for([
    ['agg_router', 'round-robin'],
    ['agg_router', 'kv'],
    ['disagg_router', 'kv'],
  ])(
    '%s, %s: a request of ours reaches each worker',
    { timeout },
    async ([profile = '', mode], { world }) => {
      const routing = ['--set', `components.frontend.router.mode=${mode}`];
      await up(world, profile, [...mocker, ...routing]);
      const plan = await planOf(world);
      const prober = createWorkProber(plan, systemClock, linesSince);
      const workers = plan.processes.filter(({ kind }) => kind === 'worker');
      expect(workers.length).toBeGreaterThan(1);
      for (const spec of workers) {
        const asked = await prober.ask(spec, 30_000, new AbortController().signal);
        expect([spec.name, asked]).toEqual([spec.name, { found: 'works' }]);
      }
      await succeed(world, ['down']);
    },
  );
});
