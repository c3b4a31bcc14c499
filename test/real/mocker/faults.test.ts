/** Real processes of upstream that die, or are stopped before they are ready for it. */
import { describe, expect } from 'vitest';
import { type Session, start, succeed } from '../../e2e/harness/cli.ts';
import { pidOf, up } from '../../e2e/harness/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { test } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import { install, versions } from '../support/installed.ts';
import { pythons } from '../support/python.ts';
import { untilSaid } from '../support/session.ts';

const timeout = 240_000;
const [binaries] = versions();

describe.each(pythons('mocker'))('$name', ({ python }) => {
  const mocker = ['--engine', 'mocker', '--python', python];

  test('a killed worker ends a foreground run with 1', { timeout }, async ({ world }) => {
    const session = start(world, ['up', 'disagg', ...mocker, '--http-port', String(await freePort())]);
    await untilSaid(session, /is ready after/, 120_000);
    process.kill(await pidOf(world, 'prefill'), 'SIGKILL');
    const { code, stderr } = await session.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('prefill was ended by SIGKILL; the rest of the run was stopped');
  });

  test.for(['SIGTERM', 'SIGINT'] as const)(
    '%s while everything loads leaves nothing running',
    { timeout },
    async (signal, { world }) => {
      const session = start(world, ['up', 'disagg', ...mocker, '--http-port', String(await freePort())]);
      await untilSaid(session, /decode.*started/, 60_000);
      process.kill(session.pid, signal);
      const { code, stderr } = await session.ended;
      expect(code).toBe(signal === 'SIGTERM' ? 143 : 130);
      expect(stderr).toContain('nothing is left');
    },
  );

  test('a stream that is open during a stop is read to its end', { timeout }, async ({ world }) => {
    const { client, model } = await up(world, 'disagg', mocker);
    const stream = await client.chat.completions.create(
      {
        model,
        messages: [{ role: 'user', content: 'Hello!' }],
        max_tokens: 400,
        stream: true,
        stream_options: { include_usage: true },
      },
      { timeout: 60_000 },
    );
    let down: Session | undefined;
    let tokens: number | undefined;
    for await (const { usage } of stream) {
      down ??= start(world, ['down']);
      tokens = usage?.completion_tokens ?? tokens;
    }
    expect(tokens).toBe(400);
    const ended = await down?.ended;
    expect(ended).toMatchObject({ code: 0 });
    expect(ended?.stderr).not.toContain('SIGKILL');
  });

  test.for(['file', 'etcd'] as const)(
    'frontends know nothing of a killed worker long before its lease ends: %s',
    { timeout },
    async (discovery, { world }) => {
      if (binaries !== undefined) install(world, binaries);
      const away = ['--set', 'components.worker.backoffSeconds=60', '--discovery', discovery];
      const { url } = await up(world, 'agg_router', [...mocker, ...away]);
      const known = async (): Promise<number> => {
        const body = await (await fetch(`${url}/health`)).text();
        return new Set(body.match(/"instance_id":\s*\d+/g)).size;
      };
      const before = await known();
      process.kill(await pidOf(world, 'worker-1'), 'SIGKILL');
      // Leases last 10 s and more.
      await until('the frontend to know one less', async () => (await known()) < before, 5_000);
      await succeed(world, ['down']);
    },
  );

  test('a missing model folder is refused before anything starts', { timeout }, async ({ world }) => {
    const args = [
      'up',
      'agg',
      ...mocker,
      '--model',
      '/nowhere/model',
      '--http-port',
      String(await freePort()),
    ];
    const { code, stderr } = await start(world, args).ended;
    expect(code).toBe(64);
    expect(stderr).toContain('there is no folder /nowhere/model');
  });
});
