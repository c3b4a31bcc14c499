/** Workers that answer health checks and do nothing: found by what they do, restarted, and not confused with slow ones. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { isLiving, livingProcesses } from '../oracle/proc.ts';
import { until } from '../support/until.ts';
import { start, succeed } from './harness/cli.ts';
import { faulty, pidOf, ps, type Running, textBelow, up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { test, type World } from './harness/world.ts';

/** In place of the default of 20 s. */
const soon = (...components: readonly string[]): string[] =>
  components.flatMap((name) => ['--set', `components.${name}.liveness.standstillSeconds=1`]);

/** Requests that clients wait for without a limit. Returns how each ended. */
function ask(
  { url, model }: Pick<Running, 'url' | 'model'>,
  count: number,
  maxTokens = 16,
): Promise<number[]> {
  const asked = Array.from({ length: count }, async (_, index) => {
    const messages = [{ role: 'user', content: `request ${index}` }];
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages, max_tokens: maxTokens }),
    });
    await answer.text();
    return answer.status;
  });
  return Promise.all(asked);
}

async function untilRestarted(world: World, name: string): Promise<void> {
  await until(
    `${name} to be restarted`,
    async () => {
      const [run] = await ps(world);
      const process = run?.processes.find((each) => each.name === name);
      return process?.restarts === 1 && run?.processes.every(({ state }) => state === 'ready');
    },
    45_000,
  );
}

const eventsOf = (world: World, type: string): Record<string, unknown>[] =>
  textBelow(world.state)
    .split('\n')
    .filter((line) => line.startsWith('{"at"') && line.includes(`"type":"${type}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test(
  'a suspended scheduler is found within a minute by default, named, and its worker is restarted',
  {
    timeout: 120_000,
  },
  async ({ world }) => {
    const run = await up(world, faulty(world, 'agg', { worker: ['--schedulers', '1'] }));
    const worker = await pidOf(world, 'worker');
    const [scheduler] = livingProcesses().filter(({ parent }) => parent === worker);
    const pid = scheduler?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    const stoppedAt = Date.now();
    const answers = ask(run, 2);
    await until('it is found', () => eventsOf(world, 'unhealthy').length > 0, 60_000);
    expect(Date.now() - stoppedAt).toBeLessThan(60_000);
    const [found] = eventsOf(world, 'unhealthy');
    expect(found).toMatchObject({
      process: 'worker',
      standstill: { part: { name: 'sim::scheduler', pid, how: 'suspended' } },
    });
    expect(found?.['seen']).toMatch(
      /^has 2 requests in flight, but has shown no token and no other sign of work for 3\d s, and did not answer a request of ours within 15 s; its sim::scheduler \(pid \d+\) is suspended$/,
    );
    expect((await answers).every((status) => status >= 500)).toBe(true);
    await untilRestarted(world, 'worker');
    expect(isLiving(pid)).toBe(false);
    expect(await ask(run, 2)).toEqual([200, 200]);
    await succeed(world, ['down']);
  },
);

test('without restarts, the run ends and says why', async ({ world }) => {
  const profile = faulty(world, 'agg', { worker: ['--stall-after', '2'] });
  const port = await freePort();
  const args = ['up', profile, '--engine', 'sim', '--http-port', String(port), ...soon('worker')];
  const session = start(world, args);
  await session.until(/is ready after/);
  const [run] = await ps(world);
  const { model } = JSON.parse(readFileSync(`${run?.logs}/../plan.json`, 'utf8')) as {
    model: { servedName: string };
  };
  // One until it stalls, and then another that hangs.
  const asking = until(
    'a request to fail',
    async () => (await ask({ url: run?.url ?? '', model: model.servedName }, 1).catch(() => [0]))[0] !== 200,
  );
  const { code, stderr } = await session.ended;
  await asking;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^error: worker stands still: its engine hangs, although its health checks are answered/m,
  );
  expect(stderr).toMatch(/^worker is alive but unhealthy: has 1 request in flight, but has shown no token/m);
  expect(stderr).toMatch(/^rule: stands-still$/m);
});

test.for(['prefill', 'decode'])(
  'of prefill and decode, only %s is restarted when it stands still',
  { timeout: 90_000 },
  async (role, { world }) => {
    const run = await up(
      world,
      faulty(world, 'disagg', { [role]: ['--stall-after', '2'] }),
      soon('prefill', 'decode'),
    );
    await until('a request to hang', async () => {
      const settled = await Promise.race([ask(run, 1), new Promise((resolve) => setTimeout(resolve, 1_000))]);
      return settled === undefined;
    });
    await untilRestarted(world, role);
    expect(eventsOf(world, 'unhealthy').map((event) => event['process'])).toEqual([role]);
    expect(await ask(run, 2)).toEqual([200, 200]);
    await succeed(world, ['down']);
  },
);

test(
  'a worker that takes longer for each token than the setting is asked, answers, and goes on',
  {
    timeout: 60_000,
  },
  async ({ world }) => {
    const slow = faulty(world, 'agg', { worker: ['--tokens-per-second', '0.5'] });
    const run = await up(world, slow, [...soon('worker'), '--set', 'proof.maxTokens=1']);
    expect(await ask(run, 2, 8)).toEqual([200, 200]);
    expect(eventsOf(world, 'unhealthy')).toEqual([]);
    await succeed(world, ['down']);
  },
);
