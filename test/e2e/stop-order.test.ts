/** Stops the frontend first, so that open answers complete; then workers, as soon as no client waits. */
import { expect } from 'vitest';
import { type Session, start, succeed } from './harness/cli.ts';
import { faulty, up } from './harness/deployment.ts';
import { test } from './harness/world.ts';

test('a stream that is open during a stop is read to its end, even if its worker would cut it', async ({
  world,
}) => {
  const faults = { worker: ['--cut-streams', '--tokens-per-second', '20'] };
  const { client, model } = await up(world, faulty(world, 'agg', faults));
  const stream = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'Hello!' }],
    max_tokens: 40,
    stream: true,
    stream_options: { include_usage: true },
  });
  let down: Session | undefined;
  let tokens: number | undefined;
  for await (const chunk of stream) {
    down ??= start(world, ['down']);
    tokens = chunk.usage?.completion_tokens ?? tokens;
  }
  expect(tokens).toBe(40);
  const ended = await down?.ended;
  expect(ended).toMatchObject({ code: 0 });
  expect(ended?.stderr).toMatch(/is down: nothing is left$/m);
});

test('workers do not wait for a frontend without requests', async ({ world }) => {
  const faults = { frontend: ['--teardown-time', '600'] };
  await up(world, faulty(world, 'disagg', faults), ['--stop-timeout', '5']);
  const { stderr } = await succeed(world, ['down']);
  // Workers that waited for its exit would have no time left and be killed.
  expect(stderr.match(/\d+ \([^()]*from [\w-]+/g)).toEqual([expect.stringMatching(/from frontend$/)]);
});
