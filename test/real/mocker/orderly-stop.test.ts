/** The mocker of every environment: a worker finishes its streams before it stops. */
import { describe, expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { up } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
import { endsInOrder } from '../support/orderly-stop.ts';
import { pythons } from '../support/python.ts';

describe.each(pythons('mocker'))('$name', ({ python }) => {
  test('restart, stop and down let streams finish', { timeout: 300_000 }, async ({ world }) => {
    const running = await up(world, 'agg_router', ['--engine', 'mocker', '--python', python]);
    await endsInOrder(world, running, 400);
  });

  test('a stopped worker serves as soon as its start returns', { timeout: 300_000 }, async ({ world }) => {
    const { client, model } = await up(world, 'agg', ['--engine', 'mocker', '--python', python]);
    for (let round = 0; round < 3; round++) {
      await succeed(world, ['stop', 'worker']);
      await succeed(world, ['start', 'worker']);
      const messages = [{ role: 'user' as const, content: 'Hello!' }];
      const { usage } = await client.chat.completions.create({ model, messages, max_tokens: 4 });
      expect(usage?.completion_tokens).toBe(4);
    }
    await succeed(world, ['down']);
  });
});
