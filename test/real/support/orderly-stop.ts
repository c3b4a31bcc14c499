/** An orderly stop of real workers: every stream that upstream allows to finish does, and no engine crashes. */
import { expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { ps, type Running, textBelow } from '../../e2e/harness/deployment.ts';
import type { World } from '../../e2e/harness/world.ts';
import { openStreamOn } from './stream.ts';

/**
 * For a run with two workers behind a router: restarts one, stops one, and stops the run, each with an open stream.
 */
export async function endsInOrder(world: World, running: Running, tokens: number): Promise<void> {
  for (const verb of ['restart', 'stop', 'down']) {
    const { ended, worker } = await openStreamOn(running, tokens);
    await succeed(world, verb === 'down' ? ['down'] : [verb, worker]);
    const text = await ended;
    expect(text, `${verb} of ${worker} under a stream`).toContain('data: [DONE]');
    expect(text, `${verb} of ${worker} under a stream`).not.toMatch(/^(event: error|data: \{"error")/m);
    expect(text.match(/"delta"/g)?.length ?? 0).toBeGreaterThan(tokens / 20);
  }
  const logs = textBelow(world.state);
  expect(logs).not.toMatch(/exit code -15/);
  // Nor do our probes fill the log of a loading worker.
  expect(logs).not.toMatch(/503 Service Unavailable/);
  expect(await ps(world)).toEqual([]);
}
