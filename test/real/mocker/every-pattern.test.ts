/**
 * Every pattern that the mocker supports, with files and with etcd and NATS: up, proven, through every fault, down.
 */
import { describe, expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { ps, requestsOf, type Running, up } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import { install, versions } from '../support/installed.ts';
import { pythons } from '../support/python.ts';
import { openStream } from '../support/stream.ts';

const timeout = 300_000;
const patterns = ['agg', 'agg_router', 'disagg', 'disagg_router'];
const planes = [
  { plane: 'files and ZMQ', more: [], needs: [] },
  { plane: 'etcd and NATS', more: ['--infra', 'process', '--events', 'nats'], needs: ['etcd', 'nats'] },
] as const;

/** The killed one is restarted on its ports, with another pid. */
async function killAndAwait(world: World, victim: string): Promise<void> {
  const found = async () => (await ps(world))[0]?.processes.find(({ name }) => name === victim);
  const before = (await found())?.pid;
  if (before === undefined) throw new Error(`${victim} does not run`);
  process.kill(before, 'SIGKILL');
  const isBack = async (): Promise<boolean> => {
    const now = await found();
    return now?.state === 'ready' && now.pid !== before && now.restarts > 0;
  };
  await until(`${victim} to be back`, isBack, 120_000);
}

/**
 * An answer of the requested length through all `roles`; a dead worker may still get requests until its lease
 * expires.
 */
async function untilAnswered(running: Running, roles: readonly string[]): Promise<void> {
  const messages = [{ role: 'user' as const, content: 'Hello!' }];
  const { client, model } = running;
  const answers = async (): Promise<boolean> => {
    const { usage } = await client.chat.completions.create({ model, messages, max_tokens: 4 });
    const counts = await Promise.all(roles.map(async (name) => await requestsOf(running, name)));
    return usage?.completion_tokens === 4 && counts.every((count) => count > 0);
  };
  await until(`an answer through ${roles.join()}`, () => answers().catch(() => false), 120_000);
}

function expectProven(pattern: string, { proof }: Running): void {
  // With a single role, its answer is the proof.
  const roles = pattern.startsWith('disagg') ? ['decode', 'prefill'] : [];
  expect([...proof.usedRoles].toSorted()).toEqual(roles);
  if (pattern.endsWith('_router')) expect(proof.reuse).toMatch(/cached|hit rate/);
}

describe.each(pythons('mocker'))('$name', ({ python }) => {
  describe.each(planes)('$plane', ({ more, needs }) => {
    test.for(patterns)(
      '%s is proven, survives kills, and stops in order under load',
      { timeout },
      async (pattern, { world }) => {
        const [binaries] = versions();
        if (binaries !== undefined) install(world, binaries);
        const running = await up(world, pattern, ['--engine', 'mocker', '--python', python, ...more]);
        expectProven(pattern, running);
        expect(Object.keys(running.infra ?? {}).toSorted()).toEqual(needs);

        const workers = running.processes.map(({ name }) => name).filter((name) => !isOther(name));
        // A single worker of a role must take part in every answer; of two, one may get all requests.
        const alone = workers.filter((name) => !/-\d+$/.test(name));
        for (const victim of [...workers.slice(0, 1), ...needs]) {
          await killAndAwait(world, victim);
          await untilAnswered(running, alone);
        }

        const streams = await Promise.all(
          [1, 2, 3].map(
            async () =>
              await until('a stream', () => openStream(running, 200).catch(() => undefined), 120_000),
          ),
        );
        const [run] = await ps(world);
        process.kill(run?.supervisorPid ?? 0, 'SIGTERM');
        for (const { ended } of streams) expect(await ended).toContain('data: [DONE]');
        await succeed(world, ['wait', '--for', 'stopped', '--timeout', '60']);
        const { stdout } = await succeed(world, ['events', pattern]);
        const end = stdout.slice(stdout.search(/Z {2}stopping$/m));
        expect(end).toContain('stopped: nothing is left');
        expect(end).not.toContain('SIGKILL');
      },
    );
  });
});

function isOther(name: string): boolean {
  return ['frontend', 'etcd', 'nats'].includes(name);
}
