/** Real SGLang workers that die, or are stopped while they load. */
import { describe, expect } from 'vitest';
import { livingProcesses } from '../oracle/proc.ts';
import { start, succeed } from '../e2e/harness/cli.ts';
import { freePort } from '../e2e/harness/ports.ts';
import { pidOf, ps, textBelow } from '../e2e/harness/deployment.ts';
import { test, type World } from '../e2e/harness/world.ts';
import { until } from '../support/until.ts';
import { model } from '../real/support/models.ts';
import { pythons } from '../real/support/python.ts';
import { untilSaid } from '../real/support/session.ts';
import {
  onCpu,
  onCpuVariables,
  outlivesStandstill,
  sglangTimeout as timeout,
  untilAnswered,
  upOnCpu,
} from '../real/support/sglang.ts';

/** The pid of the worker, or of its child with this title. */
async function pidOfVictim(world: World, victim: string): Promise<number> {
  const worker = await pidOf(world, 'worker');
  if (victim === 'worker') return worker;
  const child = livingProcesses().find(
    ({ parent, command }) => parent === worker && command.startsWith(`sglang::${victim}`),
  );
  if (child === undefined) throw new Error(`the worker ${worker} has no ${victim}`);
  return child.pid;
}

describe.each(pythons('sglang'))('$name', ({ python }) => {
  const args = [...onCpu(python, model('tiny-gpt2'))];
  const raw = ['--', '--load-format', 'dummy'];

  test.for(['worker', 'scheduler', 'detokenizer'])(
    'the %s is killed: the run ends, and nothing is left',
    { timeout },
    async (victim, { world }) => {
      const port = String(await freePort());
      const session = start(world, ['up', 'agg', ...args, '--http-port', port, ...raw], {
        env: onCpuVariables(world),
      });
      await untilSaid(session, /is ready after/, 1_200_000);
      process.kill(await pidOfVictim(world, victim), 'SIGKILL');
      const { code, stderr } = await session.ended;
      expect(code).toBe(1);
      expect(stderr).toContain('the rest of the run was stopped');
    },
  );

  test(
    'a hung scheduler: the canary of upstream detects it, and the worker is restarted',
    { timeout },
    async ({ world }) => {
      const canary = [
        ['ENABLED', 'true'],
        ['REQUEST_TIMEOUT', '30'],
      ].flatMap(([name, value]) => ['--set', `env.DYN_HEALTH_CHECK_${name}=${value}`]);
      const running = await upOnCpu(world, 'agg', python, model('tiny-gpt2'), canary);
      await outlivesStandstill(world, running, await pidOfVictim(world, 'scheduler'));
      await succeed(world, ['down']);
    },
  );

  test(
    'a hung scheduler with a request in flight: found within a minute, named, and its worker serves again',
    { timeout },
    async ({ world }) => {
      const running = await upOnCpu(world, 'agg', python, model('tiny-gpt2'));
      const scheduler = await pidOfVictim(world, 'scheduler');
      const unhealthy = (): boolean => textBelow(world.state).includes('"type":"unhealthy"');
      process.kill(scheduler, 'SIGSTOP');
      const stoppedAt = Date.now();
      // It fails when the worker is stopped.
      const request = { model: 'tiny', messages: [{ role: 'user' as const, content: 'Hello?' }] };
      void running.client.chat.completions.create(request, { timeout: 600_000 }).catch(() => {});
      await until('the standstill to be found', unhealthy, 90_000);
      expect(Date.now() - stoppedAt).toBeLessThan(60_000);
      expect(textBelow(world.state)).toContain(`its sglang::scheduler (pid ${scheduler}) is suspended`);
      await untilAnswered('a scheduler that stood still', running);
      expect((await ps(world))[0]?.processes.find(({ name }) => name === 'worker')?.restarts).toBe(1);
      await succeed(world, ['down']);
    },
  );

  test('SIGTERM while a worker loads leaves nothing running', { timeout }, async ({ world }) => {
    const port = String(await freePort());
    const session = start(world, ['up', 'agg', ...args, '--http-port', port, ...raw], {
      env: onCpuVariables(world),
    });
    // The dangerous moment: children exist, and do not yet end with their parent.
    await until(
      'children of the worker',
      () =>
        livingProcesses().some(({ command }) => command.includes('spawn_main') && command.includes(python)),
      900_000,
    );
    process.kill(session.pid, 'SIGTERM');
    const { code, stderr } = await session.ended;
    expect(code).toBe(143);
    expect(stderr).toContain('nothing is left');
  });
});
