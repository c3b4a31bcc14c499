/** The cheap liveness request, to servers that behave well, badly, or not at all. */
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { plainGet } from '../../../src/probe/plain-get.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { serve } from '../../support/http-server.ts';

const longMs = 15_000;

/** Answers every connection with this text and closes it. */
async function say(text: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(text));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/health`;
}

test('returns status and body unchanged, and sends path and query', async () => {
  const { url } = await serve((request, response) => {
    const body = `${request.method} ${request.url} ü`;
    response.writeHead(503, { 'content-length': Buffer.byteLength(body) }).end(body);
  });
  const answer = { status: 503, body: 'GET /a/b?c=d ü' };
  expect(await plainGet(`${url}/a/b?c=d`, longMs)).toEqual(answer);
});

test('an answer without a length ends with the connection', async () => {
  const url = await say('HTTP/1.1 200 OK\r\nServer: x\r\n\r\n{"a":1}');
  expect(await plainGet(url, longMs)).toEqual({ status: 200, body: '{"a":1}' });
});

test('bytes beyond the content length are not part of the body, and are not waited for', async () => {
  const { url } = await serve((_, response) => {
    response.socket?.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more');
  });
  expect(await plainGet(url, longMs)).toEqual({ status: 200, body: 'ok' });
});

test.each([
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
  'SSH-2.0-OpenSSH\r\n\r\n',
])('an answer that is not plain is left to the full client: %j', async (text) => {
  expect(await plainGet(await say(text), longMs)).toBeUndefined();
});

test('a truncated answer is an error, not a short answer', async () => {
  const url = await say('HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf');
  await expect(plainGet(url, longMs)).rejects.toThrow('socket hang up');
});

test('a server that never answers times out', async () => {
  const { url } = await serve(() => {});
  await expect(plainGet(url, 80)).rejects.toThrow('no answer within 80 ms');
});

test('a refused connection is reported with its code', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  await expect(plainGet(url, longMs)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('the signal aborts at once', async () => {
  const { url } = await serve(() => {});
  const stop = new AbortController();
  const running = plainGet(url, 60_000, stop.signal);
  setImmediate(() => stop.abort(new Error('enough')));
  await expect(running).rejects.toThrow('enough');
  await expect(plainGet(url, 60_000, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
});
