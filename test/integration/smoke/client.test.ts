/** The client of smoke's cases against a silent server: abandoning closes the connection. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createClient } from '../../../src/smoke/client.ts';

test.for(['before the headers', 'after them'] as const)('a stream is abandoned %s', async (when) => {
  const asked: ServerResponse[] = [];
  const server = createServer((_, response) => {
    asked.push(response);
    if (when === 'after them')
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    server.emit('asked');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const leaving = new AbortController();
  const client = createClient(`http://127.0.0.1:${port}`, new AbortController().signal);
  const arrived = once(server, 'asked');
  const first = client.stream('/v1/chat/completions', {}, leaving.signal).next();
  await arrived;
  const [response] = asked;
  if (response === undefined) throw new Error('nobody asked');
  const closed = once(response, 'close');
  leaving.abort();
  await expect(first).rejects.toThrow();
  await closed;
  expect(response.writableEnded).toBe(false);
});
