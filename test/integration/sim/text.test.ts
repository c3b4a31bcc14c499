import { request } from 'node:http';
import { expect, test } from 'vitest';
import { ask, deploy, json, metric, model, post, startWorker } from './deployment.ts';
import { until } from './processes.ts';

test('the official client chats, streams, completes and uses responses', async () => {
  const { client, url } = await deploy([[]]);
  const messages = [{ role: 'user' as const, content: 'Hello' }];

  const whole = await client.chat.completions.create({ model, messages, max_tokens: 32 });
  const text = whole.choices[0]?.message.content ?? '';
  expect(text).toContain('simulated answer');
  expect(whole.choices[0]?.finish_reason).toBe('length');
  expect(whole.usage).toMatchObject({ completion_tokens: 32 });

  const stream = await client.chat.completions.create({
    model,
    messages,
    max_tokens: 32,
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(text);
  expect(chunks.at(-1)?.usage?.completion_tokens).toBe(32);

  const stopped = await client.chat.completions.create({
    model,
    messages,
    max_tokens: 64,
    stop: ['embedded en'],
  });
  expect(stopped.choices[0]?.finish_reason).toBe('stop');
  expect(stopped.choices[0]?.message.content).toBe("This is a simulated answer from dynamo's ");

  const plain = await client.completions.create({ model, prompt: 'Hello', max_tokens: 4 });
  expect(plain.choices[0]?.text).toBe('This is a simula');

  const response = await client.responses.create({ model, input: 'Hello', max_output_tokens: 4 });
  expect(response.output_text).toBe('This is a simula');
  let streamed = '';
  for await (const event of await client.responses.create({
    model,
    input: 'Hello',
    max_output_tokens: 4,
    stream: true,
  })) {
    if (event.type === 'response.output_text.delta') streamed += event.delta;
  }
  expect(streamed).toBe('This is a simula');

  const list = await client.models.list();
  expect(list.data.map(({ id, owned_by }) => [id, owned_by])).toEqual([[model, 'nvidia']]);
  expect(await metric(url, 'dynamo_frontend_requests_total', 'status="success"')).toBe(6);
  expect(await metric(url, 'dynamo_frontend_inflight_requests')).toBe(0);
  expect(await metric(url, 'dynamo_frontend_model_kv_cache_block_size')).toBe(16);
});

test('errors have OpenAI’s shape and the right status', async () => {
  const { url, client } = await deploy([['--context-length', '100']]);
  const messages = [{ role: 'user' as const, content: 'x' }];
  await expect(client.chat.completions.create({ model: 'other', messages })).rejects.toMatchObject({
    status: 404,
    error: { message: 'Model not found', code: 'model_not_found' },
  });
  const bad: [body: unknown, message: string][] = [
    ['{', 'Invalid JSON'],
    [[], 'must be a JSON object'],
    [{ messages }, 'model is required'],
    [{ model, messages: [] }, 'messages must be'],
    [{ model, messages: [{}] }, 'messages[0].role'],
    [{ model, messages, max_tokens: 0 }, 'max_tokens'],
    [{ model, messages, max_tokens: 'many' }, 'max_tokens'],
    [{ model, messages, stop: [1] }, 'stop'],
    [{ model, messages, stream: 'yes' }, 'stream'],
    [{ model, messages, n: 2 }, 'n must be 1'],
    [{ model, messages: [{ role: 'user', content: 'word '.repeat(100) }] }, 'context length is 100'],
    [
      { model, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }] },
      '--multimodal',
    ],
  ];
  for (const [body, message] of bad) {
    const response = await post(url, '/v1/chat/completions', body);
    const answer = (await response.json()) as { message: string; code: number; error: { type: string } };
    expect([response.status, answer.code, answer.error.type]).toEqual([400, 400, 'invalid_request_error']);
    expect(answer.message).toContain(message);
  }
  expect((await post(url, '/v1/videos/generations', {})).status).toBe(404);
  expect((await fetch(`${url}/v1/chat/completions`)).status).toBe(405);
  const huge = await post(url, '/v1/chat/completions', 'x'.repeat(46 * 1024 * 1024));
  expect(huge.status).toBe(413);
});

test('before the first model: healthy, empty, and 404 without a body', async () => {
  const { url } = await deploy([]);
  expect(await json(`${url}/health`)).toEqual({ status: 'healthy', endpoints: [], instances: [] });
  expect(await json(`${url}/v1/models`)).toEqual({ object: 'list', data: [] });
  expect(await json(`${url}/live`)).toEqual({ status: 'live', message: 'Service is live' });
  const response = await ask(url, 'Hello');
  expect([response.status, await response.text()]).toEqual([404, '']);
});

test('a client that disconnects cancels the work on the worker', async () => {
  const { url, workers } = await deploy([['--tokens-per-second', '50']]);
  const body = JSON.stringify({
    model,
    messages: [{ role: 'user', content: 'x' }],
    max_tokens: 100_000,
    stream: true,
  });
  await new Promise<void>((resolve) => {
    const headers = { 'content-type': 'application/json' };
    const outgoing = request(`${url}/v1/chat/completions`, { method: 'POST', headers }, (response) => {
      response.once('data', () => {
        outgoing.destroy();
        resolve();
      });
      response.on('error', () => {});
    });
    outgoing.on('error', () => {});
    outgoing.end(body);
  });
  const status = workers[0]?.status ?? '';
  await until(
    'the worker has cancelled',
    async () => (await metric(status, 'dynamo_component_cancellation_total')) === 1,
  );
  expect(await metric(status, 'dynamo_component_inflight_requests')).toBe(0);
  await until('the frontend has counted it', async () => {
    return (await metric(url, 'dynamo_frontend_disconnected_clients')) === 1;
  });
});

test('namespaces separate routing, /health shows all of them', async () => {
  const { url, env } = await deploy([]);
  const other = await startWorker([], { ...env, DYN_NAMESPACE: 'other' });
  await until('the other worker is seen', async () => {
    const { endpoints } = (await json(`${url}/health`)) as { endpoints: string[] };
    return endpoints.includes('dyn://other.backend.generate');
  });
  expect((await fetch(`${other.status}/health`)).status).toBe(200);
  expect(await json(`${url}/v1/models`)).toEqual({ object: 'list', data: [] });
});
