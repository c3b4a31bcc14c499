/** The mocker of every environment: a worker that is asked to end finishes its streams first. */
import { describe } from 'vitest';
import { up } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
import { endsInOrder } from '../support/orderly-stop.ts';
import { pythons } from '../support/python.ts';

describe.each(pythons('mocker'))('$name', ({ python }) => {
  test('restart, stop and down let streams finish', { timeout: 300_000 }, async ({ world }) => {
    const running = await up(world, 'agg_router', ['--engine', 'mocker', '--python', python]);
    await endsInOrder(world, running, 400);
  });
});
