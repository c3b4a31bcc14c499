/** `dynamo logs`: of all processes, of one, the last lines, as they grow, and after the end. */
import { expect } from 'vitest';
import { dynamo, shellCode, start, succeed } from './harness/cli.ts';
import { up } from './harness/deployment.ts';
import { test } from './harness/world.ts';

test('logs of a run: all with prefixes, one without, the last lines of each', async ({ world }) => {
  await up(world, 'disagg');
  const all = await succeed(world, ['logs']);
  for (const name of ['frontend', 'prefill', 'decode'])
    expect(all.stdout).toMatch(new RegExp(`^${name} *\\| `, 'm'));
  expect(all.stderr).toBe('');
  const one = await succeed(world, ['logs', 'decode']);
  expect(one.stdout).toContain('Registered endpoint');
  expect(one.stdout).not.toContain('decode |');
  const last = await succeed(world, ['logs', '--tail', '1']);
  expect(last.stdout.trim().split('\n')).toHaveLength(3);
  const typo = await dynamo(world, ['logs', 'decod']);
  expect(typo.code).toBe(64);
  expect(typo.stderr).toContain('did you mean decode?');
  expect((await dynamo(world, ['logs', '--tail', 'few'])).code).toBe(64);
  await succeed(world, ['down']);
});

test('logs can be read after the end, of the last run and of one by name', async ({ world }) => {
  const first = await up(world, 'agg', ['--name', 'first']);
  await succeed(world, ['down']);
  const second = await up(world, 'embeddings', ['--name', 'second']);
  await succeed(world, ['down']);
  expect((await succeed(world, ['logs', 'frontend'])).stdout).toContain('/v1/embeddings');
  expect((await succeed(world, ['logs', '--run', 'first', 'frontend'])).stdout).toContain(
    '/v1/chat/completions',
  );
  expect((await succeed(world, ['logs', '--run', first.runId])).stdout).not.toBe('');
  expect(second.runId).not.toBe(first.runId);
});

test('`logs -f` shows what comes and ends when the run ends', async ({ world }) => {
  const { client, model } = await up(world, 'agg');
  const session = start(world, ['logs', '-f', '--tail', '0']);
  const chat = client.chat.completions;
  const asking = setInterval(() => {
    chat.create({ model, messages: [{ role: 'user', content: 'x' }], max_tokens: 2 }).catch(() => {});
  }, 50);
  try {
    await session.until(/frontend +\| .*POST/);
  } finally {
    clearInterval(asking);
  }
  await succeed(world, ['down']);
  expect(await session.ended).toMatchObject({ code: 0 });
});

test('Ctrl-C ends `logs -f` with 130 and leaves the run alone', async ({ world }) => {
  const { client } = await up(world, 'agg');
  const session = start(world, ['logs', '-f']);
  await session.until(/system status server bound/);
  process.kill(session.pid, 'SIGINT');
  expect(shellCode(await session.ended)).toBe(130);
  expect((await client.models.list()).data).toHaveLength(1);
  await succeed(world, ['down']);
});

test('without any run, `logs` is 66 and says how to get one', async ({ world }) => {
  const { code, stderr } = await dynamo(world, ['logs']);
  expect(code).toBe(66);
  expect(stderr).toContain('dynamo up');
});
