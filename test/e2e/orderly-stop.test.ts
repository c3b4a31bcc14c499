/** An orderly stop lets streams finish, even if a child of the engine would die of SIGTERM. */
import { expect } from 'vitest';
import { succeed } from './harness/cli.ts';
import { faulty, requestsOf, type Running, textBelow, up } from './harness/deployment.ts';
import { test, type World } from './harness/world.ts';

const tokens = 60;
/** Like SGLang's, the scheduler dies of SIGTERM at once, and every stream with it. */
const engine = { worker: ['--schedulers', '1', '--tokens-per-second', '30'] };

/** Calls `begun` with the first piece; returns the number of tokens and what ended the stream. */
async function stream({ client, model }: Running, begun: () => Promise<unknown>) {
  const pieces = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'Tell me a long story.' }],
    max_tokens: tokens,
    stream: true,
    stream_options: { include_usage: true },
  });
  let asked: Promise<unknown> | undefined;
  let [count, reason]: [number | undefined, string | undefined] = [undefined, undefined];
  for await (const piece of pieces) {
    asked ??= begun();
    count = piece.usage?.completion_tokens ?? count;
    reason = piece.choices[0]?.finish_reason ?? reason;
  }
  await asked;
  return { count, reason };
}

/** The worker that has the request. */
async function busyWorker(run: Running, before: ReadonlyMap<string, number>): Promise<string> {
  for (const [name, count] of before) if ((await requestsOf(run, name)) > count) return name;
  throw new Error('no worker got the request');
}

async function requests(run: Running): Promise<Map<string, number>> {
  const names = run.processes.map(({ name }) => name).filter((name) => name.startsWith('worker'));
  return new Map(await Promise.all(names.map(async (name) => [name, await requestsOf(run, name)] as const)));
}

function expectNoCrash(world: World): void {
  expect(textBelow(world.state)).not.toMatch(/crashed with exit code -15/);
}

test.for(['stop', 'restart'])(
  '%s of a worker with an open stream lets the stream finish',
  async (verb, { world }) => {
    const run = await up(world, faulty(world, 'agg_router', engine));
    const before = await requests(run);
    const ended = await stream(run, async () => {
      await succeed(world, [verb, await busyWorker(run, before)]);
    });
    expect(ended).toEqual({ count: tokens, reason: 'length' });
    expectNoCrash(world);
    await succeed(world, ['down']);
    expectNoCrash(world);
  },
);

test('stopping a run lets its streams finish', async ({ world }) => {
  const run = await up(world, faulty(world, 'agg_router', engine));
  const ended = await stream(run, async () => await succeed(world, ['down']));
  expect(ended).toEqual({ count: tokens, reason: 'length' });
  expectNoCrash(world);
});
