/** Real SGLang on a CPU: its scheduler would die of SIGTERM at once, so it must not get one while it serves. */
import { describe } from 'vitest';
import { test } from '../e2e/harness/world.ts';
import { model } from '../real/support/models.ts';
import { endsInOrder } from '../real/support/orderly-stop.ts';
import { pythons } from '../real/support/python.ts';
import { tokensIn } from '../real/support/stream.ts';
import { sglangTimeout as timeout, upOnCpu } from '../real/support/sglang.ts';

describe.each(pythons('sglang'))('$name', ({ python }) => {
  test('restart, stop and down let streams finish', { timeout }, async ({ world }) => {
    // Upstream allows 5 s between the signal and the end of open requests: too few on a busy machine.
    const patient = ['--env', 'DYN_GRACEFUL_SHUTDOWN_GRACE_PERIOD_SECS=20'];
    const running = await upOnCpu(world, 'agg_router', python, model('tiny-gpt2'), patient);
    // The first answers are slower than later ones.
    await tokensIn(running, 1_000);
    await endsInOrder(world, running, await tokensIn(running, 2_500));
  });
});
