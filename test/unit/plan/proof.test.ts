/** The proof request of each kind, and how its answer is judged. */
import { inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { judge, proofRequest, tinyImage } from '../../../src/plan/proof.ts';
import { profileOf } from '../../support/profile.ts';

const ask = (proof: Record<string, unknown>) => proofRequest(profileOf({ components: {}, proof }).proof, 'm');

test('chat', () => {
  expect(ask({ request: 'chat', prompt: 'Hi', maxTokens: 7 })).toEqual({
    path: '/v1/chat/completions',
    body: { model: 'm', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 7, stream: false },
  });
});

test('vision sends an image that needs no network', () => {
  const text = JSON.stringify(ask({ request: 'vision' }).body);
  expect(text).toContain('data:image/png;base64,');
  expect(text).not.toContain('http');
});

test('the image is a complete PNG of 64 × 64', () => {
  const png = Buffer.from(tinyImage.slice(tinyImage.indexOf(',') + 1), 'base64');
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([64, 64]);
  const at = png.indexOf('IDAT');
  const data = png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4));
  const [depth = 0, colourType = 0] = png.subarray(24, 26);
  const samples = new Map([
    [0, 1],
    [2, 3],
    [3, 1],
    [6, 4],
  ]).get(colourType);
  const rowBytes = 1 + Math.ceil((64 * depth * (samples ?? 0)) / 8);
  expect(inflateSync(data)).toHaveLength(64 * rowBytes);
});

test('embedding', () => {
  expect(ask({ request: 'embedding' })).toEqual({
    path: '/v1/embeddings',
    body: { model: 'm', input: 'Hello, world' },
  });
});

test('a video uses the route of upstream, with its extensions only if the profile has them', () => {
  expect(
    ask({ request: 'video', prompt: 'a dog', frames: 8, fps: 4, steps: 2, seconds: 2, size: '64x64' }),
  ).toEqual({
    path: '/v1/videos',
    body: {
      model: 'm',
      prompt: 'a dog',
      size: '64x64',
      response_format: 'url',
      seconds: 2,
      nvext: { fps: 4, num_frames: 8, num_inference_steps: 2 },
    },
  });
  expect(ask({ request: 'video' }).body).not.toHaveProperty('nvext');
  expect(ask({ request: 'image' })).toMatchObject({
    path: '/v1/images/generations',
    body: { size: '256x256' },
  });
});

const chat = (content: unknown, tokens: unknown): string =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 12, completion_tokens: tokens, total_tokens: 12 },
  });

test('text with tokens is an answer', () => {
  expect(judge('chat', chat(' Hello there.\n', 4))).toEqual({ answer: 'Hello there.' });
  expect(judge('vision', chat('A red square.', 4))).toEqual({ answer: 'A red square.' });
});

test.each([
  ['a broken KV transfer', chat(null, 0)],
  ['text without tokens', chat('Hello', 0)],
  ['no token count', chat('Hello', undefined)],
  ['a token count that is no number', chat('Hello', 'many')],
  ['a negative token count', chat('Hello', -1)],
  ['no usage', JSON.stringify({ choices: [{ message: { content: 'Hello' } }] })],
])('%s is not an answer, although the status is 200', (_, body) => {
  expect(judge('chat', body)).toMatchObject({ wrong: expect.stringContaining('HTTP 200 without an answer') });
});

test('reports what was seen instead', () => {
  expect(judge('chat', chat(null, 0))).toEqual({
    wrong: 'HTTP 200 without an answer (completion_tokens 0, content null)',
    completionTokens: 0,
  });
});

test('null or empty text with tokens counted is a real answer', () => {
  for (const content of [null, '', '  \n']) {
    expect(judge('chat', chat(content, 16))).toEqual({
      answer: '16 tokens that decode to no text',
    });
  }
});

const embedding = (vector: unknown): string =>
  JSON.stringify({ object: 'list', data: [{ index: 0, embedding: vector }] });

test('a vector of finite numbers is an embedding', () => {
  expect(judge('embedding', embedding([0.1, -2, 3e-9]))).toEqual({ answer: 'a vector of 3 numbers' });
  expect(judge('embedding', embedding([]))).toEqual({ wrong: 'HTTP 200 without a vector' });
  expect(judge('embedding', embedding([0.1, null]))).toMatchObject({
    wrong: expect.stringContaining('not finite'),
  });
  expect(judge('embedding', embedding(['0.1']))).toMatchObject({
    wrong: expect.stringContaining('not finite'),
  });
  expect(judge('embedding', '{"data":[]}')).toEqual({ wrong: 'HTTP 200 without a vector' });
});

test('an image or video has a URL or inline data', () => {
  expect(judge('image', '{"data":[{"url":"file:///media/1.png"}]}')).toEqual({
    answer: 'file:///media/1.png',
  });
  expect(judge('video', '{"data":[{"b64_json":"AAAA"}]}')).toEqual({ answer: '4 characters of base64' });
});

test('a failed generation answers 200 with empty data and an error', () => {
  expect(judge('image', '{"created":1,"data":[],"error":"CUDA out of memory"}')).toEqual({
    wrong: 'HTTP 200 without a image: CUDA out of memory',
  });
  expect(judge('video', '{"data":[{"url":""}]}')).toEqual({ wrong: 'HTTP 200 without a video' });
});

test.each([
  '',
  '<html>',
  '{',
  'null',
  '7',
  '"text"',
  '[]',
  '{}',
  '{"choices":[null]}',
  '{"choices":{},"usage":7,"data":7}',
])('any other body is wrong and never throws: %j', (body) => {
  for (const request of ['chat', 'vision', 'embedding', 'image', 'video'] as const) {
    expect(judge(request, body)).toMatchObject({ wrong: expect.any(String) });
  }
});
