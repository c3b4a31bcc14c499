/**
 * A server that computes nothing: it answers at once, and streams as many tokens as asked for, each in a write of its own.
 * What the generator measures on it is its own cost.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const tokenEvent = `data: ${JSON.stringify({
  id: 'chatcmpl-bare',
  object: 'chat.completion.chunk',
  created: 1_700_000_000,
  model: 'bare',
  choices: [{ index: 0, delta: { role: 'assistant', content: ' word' }, finish_reason: null }],
})}\n\n`;

/** Resolves with its port on loopback; it ends with its process. */
export async function serveBare(): Promise<number> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      const tokens = Number(/"max_tokens":(\d+)/.exec(body)?.[1] ?? 1);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      stream(response, tokens, tokens);
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** One token in each turn of the event loop: a write would otherwise carry several. */
function stream(response: ServerResponse, left: number, all: number): void {
  if (response.destroyed) return;
  if (left > 0) {
    response.write(tokenEvent);
    setImmediate(() => stream(response, left - 1, all));
    return;
  }
  const usage = { prompt_tokens: 1, completion_tokens: all };
  response.end(
    `data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}\n\ndata: {"choices":[],"usage":${JSON.stringify(usage)}}\n\ndata: [DONE]\n\n`,
  );
}
