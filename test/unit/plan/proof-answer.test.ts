/** An answer is judged by what it holds: an HTTP 200 alone proves nothing. */
import { expect, test } from 'vitest';
import { judge } from '../../../src/plan/proof-answer.ts';

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
])('%s is no answer, although the status is 200', (_, body) => {
  expect(judge('chat', body)).toEqual({ wrong: expect.stringContaining('HTTP 200 without an answer') });
});

test('what was seen instead is told', () => {
  expect(judge('chat', chat(null, 0))).toEqual({
    wrong: 'HTTP 200 without an answer (completion_tokens 0, content null)',
  });
});

test('null or empty text with tokens counted is a real answer', () => {
  for (const content of [null, '', '  \n']) {
    expect(judge('chat', chat(content, 16))).toEqual({
      answer: '16 tokens that the tokenizer shows as no text',
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

test('an image or video has a place, or comes along', () => {
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
    expect(judge(request, body)).toEqual({ wrong: expect.any(String) });
  }
});
