/** Streams from upstream and other servers. */
import { expect, test } from 'vitest';
import { readStream } from '../../../src/smoke/chat.ts';
import { eventLines } from '../../../src/smoke/answers.ts';

const piece = (content: unknown, finish: string | null = null): string =>
  JSON.stringify({ choices: [{ delta: { content }, finish_reason: finish }] });

test('text, pieces, finish reason, usage and end of a stream', () => {
  const usage = JSON.stringify({ choices: [], usage: { prompt_tokens: 3 } });
  const seen = readStream([piece('a'), piece('b'), piece(null, 'length'), usage, '[DONE]']);
  expect(seen).toEqual({
    text: 'ab',
    pieces: 2,
    finish: 'length',
    usages: [{ prompt_tokens: 3 }],
    done: true,
    error: undefined,
  });
});

test('an error inside a stream, and a stream without an end', () => {
  const seen = readStream([piece('a'), JSON.stringify({ error: { message: 'lost' } })]);
  expect(seen).toMatchObject({ error: { message: 'lost' }, done: false });
  expect(() => readStream(['no json'])).toThrow(SyntaxError);
});

test('events are joined across chunks, including umlauts and comments', async () => {
  const bytes = new TextEncoder().encode('event: x\r\ndata: {"ü":1}\r\n\r\n: ping\n\ndata:[DONE]\n\n');
  const parts = [bytes.subarray(0, 19), bytes.subarray(19, 20), bytes.subarray(20)];
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
  const events: string[] = [];
  for await (const event of eventLines(stream)) events.push(event);
  expect(events).toEqual(['{"ü":1}', '[DONE]']);
});
