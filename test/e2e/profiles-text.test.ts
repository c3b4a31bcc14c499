/** Profiles that answer with text: up, requests with the official client, down, nothing left. */
import type OpenAI from 'openai';
import { expect } from 'vitest';
import { succeed } from './harness/cli.ts';
import { requestsOf, type Running, up } from './harness/deployment.ts';
import { test } from './harness/world.ts';

async function chat({ client, model }: Running, content: string, maxTokens = 12) {
  return await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content }],
    max_tokens: maxTokens,
  });
}

async function streamed({ client, model }: Running, content: string) {
  const stream = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content }],
    max_tokens: 12,
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks: OpenAI.Chat.Completions.ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return {
    text: chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join(''),
    pieces: chunks.filter(({ choices }) => (choices[0]?.delta.content ?? '') !== '').length,
    usage: chunks.at(-1)?.usage,
  };
}

async function answersText(running: Running): Promise<void> {
  const whole = await chat(running, 'What is a fox?');
  const text = whole.choices[0]?.message.content ?? '';
  expect(text).toContain('simula');
  expect(whole.usage?.completion_tokens).toBe(12);
  const parts = await streamed(running, 'What is a fox?');
  expect(parts.text).toBe(text);
  expect(parts.pieces).toBeGreaterThan(1);
  expect(parts.usage?.completion_tokens).toBe(12);
  const completion = await running.client.completions.create({
    model: running.model,
    prompt: 'A fox',
    max_tokens: 5,
  });
  expect(completion.choices[0]?.text).not.toBe('');
  expect((await running.client.models.list()).data.map(({ id }) => id)).toEqual([running.model]);
}

test('agg answers chats, streams and completions', async ({ world }) => {
  const running = await up(world, 'agg');
  expect(running).toMatchObject({ name: 'agg', engine: 'sim' });
  expect(running.processes.map(({ name }) => name)).toEqual(['frontend', 'worker']);
  expect(running.proof.answer).toContain('simulated');
  await answersText(running);
  await succeed(world, ['down']);
});

test('an unknown model gives the error that the official client expects', async ({ world }) => {
  const { client } = await up(world, 'agg');
  const asked = client.chat.completions.create({
    model: 'nobody/none',
    messages: [{ role: 'user', content: 'x' }],
  });
  await expect(asked).rejects.toMatchObject({ status: 404 });
  await succeed(world, ['down']);
});

for (const profile of ['disagg', 'disagg_same_gpu']) {
  test(`${profile} answers through prefill and decode`, async ({ world }) => {
    const running = await up(world, profile);
    expect([...running.proof.usedRoles].toSorted()).toEqual(['decode', 'prefill']);
    const before = [await requestsOf(running, 'prefill'), await requestsOf(running, 'decode')];
    await answersText(running);
    const after = [await requestsOf(running, 'prefill'), await requestsOf(running, 'decode')];
    expect(before.every((count) => count >= 1)).toBe(true);
    // A chat, a stream and a completion.
    expect(after.map((count, i) => count - (before[i] ?? 0))).toEqual([3, 3]);
    await succeed(world, ['down']);
  });
}

const longPrompt = Array.from({ length: 200 }, (_, i) => `fact ${i}`).join(', ');

for (const profile of ['agg_router', 'disagg_router']) {
  test(`${profile} routes a repeated prompt to the worker that has it cached`, async ({ world }) => {
    const running = await up(world, profile);
    await answersText(running);
    const first = await chat(running, longPrompt);
    expect(first.usage?.prompt_tokens_details?.cached_tokens).toBe(0);
    for (let i = 0; i < 3; i++) {
      const again = await chat(running, longPrompt);
      const all = again.usage?.prompt_tokens ?? Infinity;
      // All complete blocks but the last one.
      expect(again.usage?.prompt_tokens_details?.cached_tokens).toBeGreaterThan(all - 130);
    }
    await succeed(world, ['down']);
  });
}

test('diffusion_lm answers chats', async ({ world }) => {
  const running = await up(world, 'diffusion_lm');
  await answersText(running);
  await succeed(world, ['down']);
});
