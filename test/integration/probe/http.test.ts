/** One HTTP exchange with servers that behave well, badly, or not at all. */
import { expect, test } from 'vitest';
import { exchange } from '../../../src/probe/http.ts';
import { collectGarbage } from '../../support/garbage.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { serve } from '../../support/http-server.ts';

test('returns status and body unchanged, whatever the status', async () => {
  const { url } = await serve((_, response) => response.writeHead(503).end('{"status":"notready ü"}'));
  expect(await exchange(url, { timeoutMs: 5_000 })).toEqual({ status: 503, body: '{"status":"notready ü"}' });
});

test('posts a body as JSON', async () => {
  const { url } = await serve((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    request.on('end', () =>
      response.end(
        `${request.method} ${request.headers['content-type']} ${request.headers['content-length']} ${text.length}`,
      ),
    );
  });
  expect((await exchange(url, { body: { a: 'ü' }, timeoutMs: 5_000 })).body).toBe(
    'POST application/json 10 10',
  );
});

test('ignores proxy settings', async () => {
  const { url } = await serve((_, response) => response.end('direct'));
  process.env.http_proxy = 'http://127.0.0.1:1';
  try {
    expect((await exchange(url, { timeoutMs: 5_000 })).body).toBe('direct');
  } finally {
    delete process.env.http_proxy;
  }
});

test('a server that never answers times out', async () => {
  const { url } = await serve(() => {});
  await expect(exchange(url, { timeoutMs: 80 })).rejects.toThrow('no answer within 80 ms');
});

test('a server that stops in the middle of an answer times out with the same message', async () => {
  const { url } = await serve((_, response) => void response.writeHead(200).write('half'));
  await expect(exchange(url, { timeoutMs: 80 })).rejects.toThrow('no answer within 80 ms');
});

test('waits for a slow answer within the time limit', async () => {
  const { url } = await serve((_, response) => {
    response.write('a');
    setTimeout(() => response.end('b'), 60);
  });
  expect((await exchange(url, { timeoutMs: 5_000 })).body).toBe('ab');
});

test('a reset connection is an error', async () => {
  const { url } = await serve((request) => request.socket.resetAndDestroy());
  await expect(exchange(url, { timeoutMs: 5_000 })).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('a truncated answer is an error, not a short answer', async () => {
  const { url } = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('half');
    setTimeout(() => response.socket?.destroy(), 10);
  });
  await expect(exchange(url, { timeoutMs: 5_000 })).rejects.toThrow();
});

test('an endless answer is cut off', async () => {
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  const { url } = await serve((_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
  });
  await expect(exchange(url, { timeoutMs: 15_000 })).rejects.toThrow('answer over 67108864 bytes');
});

test('a refused connection is reported with its code', async () => {
  await expect(exchange(`http://127.0.0.1:${await freePort()}`, { timeoutMs: 5_000 })).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
});

test('the signal aborts at once, before and during the answer', async () => {
  const { url } = await serve((_, response) => void response.write('half'));
  const stop = new AbortController();
  const running = exchange(url, { timeoutMs: 60_000, signal: stop.signal });
  setTimeout(() => stop.abort(), 30);
  await expect(running).rejects.toThrow();
  await expect(exchange(url, { timeoutMs: 60_000, signal: AbortSignal.abort() })).rejects.toThrow();
});

test('garbage collection does not disable the time-out', async () => {
  const { url } = await serve(() => {});
  const running = exchange(url, { timeoutMs: 100, signal: new AbortController().signal });
  running.catch(() => {});
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  await expect(running).rejects.toThrow('no answer within 100 ms');
});
