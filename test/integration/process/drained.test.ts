/** Detects through the kernel when a server has no connections left. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { untilDrained } from '../../../src/process/ports.ts';
import { until } from '../../support/until.ts';

interface Served {
  readonly port: number;
  readonly server: Server;
  /** The server's ends of its connections. */
  readonly connections: Socket[];
}

async function serve(host: string): Promise<Served> {
  const connections: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => void connections.push(socket));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  onTestFinished(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  const address = server.address();
  return { server, connections, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

async function client({ port, connections }: Served, host: string): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  await until('the server to see it', () => connections.length > 0 || undefined);
  return socket;
}

function watch(port: number) {
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  let [looks, isDrained] = [0, false];
  const clock: Clock = {
    now: systemClock.now,
    sleep: async (_, signal) => {
      looks += 1;
      await systemClock.sleep(1, signal);
    },
  };
  const drained = untilDrained(port, clock, ended.signal).then(() => void (isDrained = true));
  /** After more checks than it takes to be sure. */
  const stillServed = async (): Promise<boolean> => {
    const enough = looks + 4;
    await until('a few looks', () => looks >= enough || isDrained || undefined);
    return !isDrained;
  };
  return { drained, stillServed };
}

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::1', '::1'],
  ['::', '127.0.0.1'],
])('a server on %s is drained when its port and its last connection are closed', async (host, from) => {
  const served = await serve(host);
  const socket = await client(served, from);
  const { drained, stillServed } = watch(served.port);
  expect(await stillServed(), 'while it listens').toBe(true);
  served.server.close();
  expect(await stillServed(), 'while somebody is connected').toBe(true);
  // A client that has finished sending may still receive.
  socket.end();
  expect(await stillServed(), 'while an answer may come').toBe(true);
  served.connections[0]?.end('the answer');
  await drained;
});

test('a connection closed by the server no longer counts, even if the client keeps its end open', async () => {
  const served = await serve('127.0.0.1');
  await client(served, '127.0.0.1');
  const { drained } = watch(served.port);
  served.connections[0]?.end('the answer');
  served.server.close();
  await drained;
});

test('a port without a listener at the start cannot be judged', async () => {
  const served = await serve('127.0.0.1');
  await new Promise((resolve) => served.server.close(resolve));
  const drained = untilDrained(served.port, systemClock, new AbortController().signal).then(() => 'drained');
  const another = await serve('127.0.0.1');
  const { drained: anotherDrained } = watch(another.port);
  another.server.close();
  expect(await Promise.race([drained, anotherDrained.then(() => 'the other')])).toBe('the other');
});
