/** The control socket of a run, with well-behaved and misbehaving real clients. */
import { existsSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { askStatus, askStop, followEvents, isSilence } from '../../../src/run/control-client.ts';
import { type ControlServer, openControlServer } from '../../../src/run/control-server.ts';
import { monotonicMs } from '../../../src/run/protocol.ts';
import type { RunEvent } from '../../../src/supervisor/events.ts';
import { initialStatus, type RunStatus } from '../../../src/supervisor/status.ts';
import { fakePlan } from '../../support/profile.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

interface Run {
  readonly path: string;
  readonly server: ControlServer;
  readonly history: RunEvent[];
  readonly stops: boolean[];
  readonly status: RunStatus;
  tell(event: RunEvent): void;
}

async function open(): Promise<Run> {
  const path = join(tempFolder(), 'run.sock');
  const history: RunEvent[] = [];
  const stops: boolean[] = [];
  const status = initialStatus(fakePlan(), 1);
  const server = await openControlServer(path, {
    status: () => status,
    history: () => history,
    stop: (now) => void stops.push(now),
    act: async () => {},
    scale: async () => ({ added: [], removed: [], replicas: {}, tookMs: 0 }),
    replace: async () => ({ added: [], removed: [], replicas: {}, tookMs: 0 }),
  });
  onTestFinished(() => server.close());
  const tell = (event: RunEvent): void => {
    history.push(event);
    server.publish(event);
  };
  return { path, server, history, stops, status, tell };
}

const waiting = (at: number, text = 'x'): RunEvent => ({ at, type: 'waiting', for: text });

async function raw(path: string): Promise<{ socket: Socket; replies: unknown[] }> {
  const socket = connect(path);
  const replies: unknown[] = [];
  createInterface({ input: socket })
    .on('line', (line) => replies.push(JSON.parse(line)))
    .on('error', () => {});
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  onTestFinished(() => void socket.destroy());
  return { socket, replies };
}

test('only the same user may connect', async () => {
  const { path } = await open();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a socket of a dead supervisor is replaced', async () => {
  const { path } = await open();
  const again = await openControlServer(path, {
    status: () => initialStatus(fakePlan(), 7),
    history: () => [],
    stop: () => {},
    act: async () => {},
    scale: async () => ({ added: [], removed: [], replicas: {}, tookMs: 0 }),
    replace: async () => ({ added: [], removed: [], replicas: {}, tookMs: 0 }),
  });
  onTestFinished(() => again.close());
  expect((await askStatus(path)).since).toBe(7);
});

test('returns the status', async () => {
  const { path, status } = await open();
  expect(await askStatus(path)).toEqual(status);
});

test('stop and stop --now reach the run', async () => {
  const { path, stops } = await open();
  await askStop(path, false);
  await askStop(path, true);
  expect(stops).toEqual([false, true]);
});

test('a follower gets the history, then each event as it happens, until the run closes', async () => {
  const { path, server, tell } = await open();
  tell(waiting(1));
  tell(waiting(2));
  const seen: number[] = [];
  const following = (async () => {
    for await (const { at } of followEvents(path)) {
      seen.push(at);
      if (at === 2) tell(waiting(3));
    }
  })();
  await until('the third event', () => seen.length === 3);
  tell(waiting(4));
  await server.close();
  await following;
  expect(seen).toEqual([1, 2, 3, 4]);
});

test('events published right before the end arrive', async () => {
  const { path, server, tell } = await open();
  tell(waiting(0));
  const events = followEvents(path);
  expect((await events.next()).value).toEqual(waiting(0));
  const long = 'y'.repeat(1_000);
  for (let at = 1; at <= 2_000; at++) tell(waiting(at, long));
  const closed = server.close();
  let count = 0;
  for await (const event of events) count += event.type === 'waiting' ? 1 : 0;
  await closed;
  expect(count).toBe(2_000);
});

test.each([
  '',
  'null',
  '7',
  '"status"',
  '[]',
  '{',
  '{"ask":"status"}',
  '{"protocol":2,"ask":"status"}',
  '{"protocol":1,"ask":"dance"}',
])('the request %j is refused with a message, and the run continues', async (line) => {
  const { path } = await open();
  const { socket, replies } = await raw(path);
  socket.write(`${line}\n`);
  await until('a reply', () => replies.length > 0);
  expect(replies).toEqual([{ error: expect.any(String) }]);
  socket.write('{"protocol":1,"ask":"status"}\n');
  await until('the next reply', () => replies.length > 1);
  expect(replies[1]).toHaveProperty('status');
});

test('another protocol version is reported on both sides', async () => {
  const { path } = await open();
  const { socket, replies } = await raw(path);
  socket.write('{"protocol":99,"ask":"status"}\n');
  await until('a reply', () => replies.length > 0);
  expect(replies).toEqual([{ error: 'this run uses control protocol 1, the request uses 99' }]);
});

test('a client suggests a command when its supervisor refuses it', async () => {
  const path = join(tempFolder(), 'old.sock');
  const server = createServer((socket) =>
    socket.end('{"error":"this run speaks control protocol 0, the request 1"}\n'),
  );
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
  await expect(askStatus(path)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('control protocol 0'),
    hint: expect.stringContaining('version of dynamo'),
  });
});

test('clients that disconnect at any moment do not disturb the run', async () => {
  const { path, tell } = await open();
  for (let i = 0; i < 20; i++) {
    const socket = connect(path);
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    socket.write(i % 4 === 0 ? '{"protocol":1,"as' : '{"protocol":1,"ask":"events"}\n');
    tell(waiting(i, 'z'.repeat(10_000)));
    // Now the server has read the request, and a client that leaves without reading the answer resets the connection.
    if (i % 2 === 0) await askStatus(path);
    socket.destroy();
  }
  tell(waiting(100));
  expect(await askStatus(path)).toHaveProperty('phase');
});

test('a follower that stops reading does not prevent the run from closing', async () => {
  const { path, server, tell } = await open();
  const { socket } = await raw(path);
  socket.write('{"protocol":1,"ask":"events"}\n');
  tell(waiting(1, 'z'));
  await askStatus(path);
  socket.pause();
  for (let at = 0; at < 50; at++) tell(waiting(at, 'z'.repeat(100_000)));
  const begin = performance.now();
  await server.close();
  expect(performance.now() - begin).toBeLessThan(5_000);
});

test('after closing, nothing listens', async () => {
  const { path, server } = await open();
  await server.close();
  await expect(askStatus(path)).rejects.toMatchObject({ code: expect.stringMatching(/ENOENT|ECONNREFUSED/) });
  expect(existsSync(path)).toBe(false);
});

test('a supervisor that dies in the middle of a line ends the conversation without a stack trace', async () => {
  const path = join(tempFolder(), 'dying.sock');
  const server = createServer((socket) =>
    socket.end('{"event":{"at":1,"type":"waiting","for":"x"}}\n{"event":{"at":2,"ty'),
  );
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
  const seen: number[] = [];
  for await (const { at } of followEvents(path)) seen.push(at);
  expect(seen).toEqual([1]);
});

test('a stop whose sender has timed out is ignored', async () => {
  const { path, stops } = await open();
  const { socket, replies } = await raw(path);
  const stop = { protocol: 1, ask: 'stop', now: true };
  socket.write(`${JSON.stringify({ ...stop, until: monotonicMs() - 1 })}\n`);
  await until('a reply', () => replies.length > 0);
  expect(replies).toEqual([{ error: expect.stringContaining('too old'), code: 'unavailable' }]);
  expect(stops).toEqual([]);
  socket.write(`${JSON.stringify({ ...stop, until: monotonicMs() + 60_000 })}\n`);
  await until('the next reply', () => replies.length > 1);
  expect(stops).toEqual([true]);
});

test('a hung supervisor is distinguished from a missing one', async () => {
  const path = join(tempFolder(), 'stuck.sock');
  const heard: string[] = [];
  const server = createServer((socket) => socket.on('data', (data) => heard.push(String(data))));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
  const questions = [askStatus(path), askStop(path, true), followEvents(path).next()];
  const failures = await Promise.all(
    questions.map(async (each) => await each.catch((error: unknown) => error)),
  );
  expect(failures.map(isSilence)).toEqual([true, true, true]);
  // The request after the greeting was never sent, so it cannot be carried out later.
  expect(heard.join('')).not.toContain('"stop"');
  expect(heard.join('')).toContain('"status"');
});

test('a follower exits when asked to, even from a hung supervisor', async () => {
  const path = join(tempFolder(), 'stuck.sock');
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
  const leave = new AbortController();
  const next = followEvents(path, leave.signal).next();
  leave.abort();
  expect(await next).toMatchObject({ done: true });
});

test('lines that are too long or never end are refused; others are answered', async () => {
  const { path } = await open();
  const { socket, replies } = await raw(path);
  socket.on('error', () => {});
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.write('x'.repeat(1024 * 1024 + 1));
  await gone;
  expect(replies).toEqual([{ error: 'a line has at most 1048576 bytes' }]);
  let refused = 0;
  const many = await Promise.all(Array.from({ length: 40 }, async () => await raw(path)));
  for (const each of many) {
    each.socket.on('error', () => {});
    each.socket.once('close', () => refused++);
    each.socket.write('x'.repeat(1024 * 1000));
  }
  // Eight megabytes may be buffered.
  await until('most of them to be refused', () => refused >= 31);
  for (const each of many) each.socket.destroy();
  expect(await askStatus(path)).toHaveProperty('phase');
});
