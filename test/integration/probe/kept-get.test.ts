/** Checks on a kept connection, to servers that keep it, close it, send too much, or accept no other. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { keptGets } from '../../../src/probe/kept-get.ts';
import { until } from '../../support/until.ts';

const longMs = 15_000;
const good = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const answer = { status: 200, body: 'ok' };

interface Peer {
  readonly url: string;
  readonly server: Server;
  /** In the order in which they were opened. */
  readonly sockets: Socket[];
}

/** `say` returns the bytes that answer a request, or nothing. */
async function peer(say: (socket: Socket, nth: number) => string | undefined): Promise<Peer> {
  const sockets: Socket[] = [];
  let asked = 0;
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => {
      const text = say(socket, ++asked);
      if (text !== undefined) socket.write(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/health`, server, sockets };
}

const open = ({ sockets }: Peer): Socket[] => sockets.filter((socket) => !socket.destroyed);

test('one connection serves five checks; then the next one connects', async () => {
  const one = await peer(() => good);
  const { get } = keptGets();
  for (let i = 0; i < 10; i++) expect(await get(one.url, longMs)).toEqual(answer);
  expect(one.sockets).toHaveLength(2);
  await until('the first connection to be closed', () => open(one).length === 1);
});

test('a server that accepts no connection any more is noticed, and stays noticed', async () => {
  const one = await peer(() => good);
  const { get } = keptGets();
  expect(await get(one.url, longMs)).toEqual(answer);
  one.server.close();
  const seen: unknown[] = [];
  for (let i = 0; i < 8; i++) seen.push(await get(one.url, longMs).catch(() => 'refused'));
  expect(seen).toEqual([answer, answer, answer, answer, 'refused', 'refused', 'refused', 'refused']);
});

test('a connection that the server has closed is replaced within the same check', async () => {
  const one = await peer(() => good);
  const { get } = keptGets();
  expect(await get(one.url, longMs)).toEqual(answer);
  one.sockets[0]?.resetAndDestroy();
  expect(await get(one.url, longMs)).toEqual(answer);
  one.sockets[1]?.end();
  expect(await get(one.url, longMs)).toEqual(answer);
  expect(one.sockets).toHaveLength(3);
});

test('a connection that ends before it answers is replaced; one that ends within an answer is an error', async () => {
  const one = await peer((socket, nth) => {
    if (nth === 2) socket.destroy();
    if (nth === 4) socket.end(good.slice(0, -1));
    return nth === 2 || nth === 4 ? undefined : good;
  });
  const { get } = keptGets();
  expect(await get(one.url, longMs)).toEqual(answer);
  expect(await get(one.url, longMs)).toEqual(answer);
  await expect(get(one.url, longMs)).rejects.toThrow('socket hang up');
  expect(await get(one.url, longMs)).toEqual(answer);
});

test('a check without an answer fails in time, and a late answer is not that of the next check', async () => {
  const late: { socket?: Socket } = {};
  const one = await peer((socket, nth) => {
    if (nth !== 2) return good;
    late.socket = socket;
    return undefined;
  });
  const { get } = keptGets();
  expect(await get(one.url, longMs)).toEqual(answer);
  await expect(get(one.url, 80)).rejects.toThrow('no answer within 80 ms');
  late.socket?.write('HTTP/1.1 503 Late\r\nContent-Length: 0\r\n\r\n');
  expect(await get(one.url, longMs)).toEqual(answer);
});

test.each([
  ['more than an answer', `${good} and more`],
  ['that it closes', good.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')],
  ['HTTP 1.0', good.replace('1.1', '1.0')],
])('a server that says %s gets a new connection each time', async (_, text) => {
  const one = await peer(() => text);
  const { get } = keptGets();
  for (let i = 0; i < 3; i++) expect(await get(one.url, longMs)).toEqual(answer);
  expect(one.sockets).toHaveLength(3);
});

test('an answer in chunks is left to the full client', async () => {
  const one = await peer(() => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n');
  expect(await keptGets().get(one.url, longMs)).toBeUndefined();
});

test('bytes that nobody asked for end the connection', async () => {
  const one = await peer(() => good);
  const { get } = keptGets();
  expect(await get(one.url, longMs)).toEqual(answer);
  one.sockets[0]?.write('HTTP/1.1 503 Surprise\r\nContent-Length: 0\r\n\r\n');
  await until('the connection to be closed', () => open(one).length === 0);
  expect(await get(one.url, longMs)).toEqual(answer);
});

test('a released connection is closed, at once or after the check in progress', async () => {
  const held: { answer?: () => void } = {};
  const one = await peer((socket, nth) => {
    if (nth !== 2) return good;
    held.answer = () => void socket.write(good);
    return undefined;
  });
  const { get, release } = keptGets();
  expect(await get(one.url, longMs)).toEqual(answer);
  const running = get(one.url, longMs);
  await until('the server to be asked', () => held.answer !== undefined);
  release(one.url.replace('/health', '/'));
  held.answer?.();
  expect(await running).toEqual(answer);
  await until('the connection to be closed', () => open(one).length === 0);
  expect(await get(one.url, longMs)).toEqual(answer);
  expect(open(one)).toHaveLength(1);
  const [, second] = one.sockets;
  release(one.url);
  if (second !== undefined && !second.destroyed) await once(second, 'close');
  expect(open(one)).toHaveLength(0);
});
