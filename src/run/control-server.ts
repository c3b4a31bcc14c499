/** Listens on the control socket of a run, so that other commands can query and stop it. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { DynamoError } from '../base/error.ts';
import { messageOf } from '../base/error-code.ts';
import { list, map, number, object, optional, text } from '../base/shape.ts';
import type { Failure, RunEvent } from '../supervisor/events.ts';
import type { RunStatus } from '../supervisor/status.ts';
import type { AnyAction } from '../supervisor/process-action.ts';
import { StartFailure } from '../supervisor/failure.ts';
import {
  type ChangeReport,
  type ControlReply,
  type ControlRequest,
  longestLineBytes,
  monotonicMs,
  protocolVersion,
  type Replacement,
} from './protocol.ts';
import { processShape } from './shapes.ts';

export interface Controlled {
  status(): RunStatus;
  /** All events so far. */
  history(): readonly RunEvent[];
  stop(now: boolean): void;
  act(action: AnyAction, process: string): Promise<void>;
  scale(replicas: Readonly<Record<string, number>>): Promise<ChangeReport>;
  replace(replacement: Replacement): Promise<ChangeReport>;
}

export interface ControlServer {
  /** Sends an event to all followers. */
  publish(event: RunEvent): void;
  /** Settles when all followers have received what was published. */
  close(): Promise<void>;
}

/** How long followers may take to read the last events. */
const lastReadMs = 1_000;
/** Limits in bytes: on incomplete lines of all connections together, and on what one follower has not read yet. */
const longestWait = 8 * longestLineBytes;
const longestBacklog = 64 * longestLineBytes;

export async function openControlServer(path: string, controlled: Controlled): Promise<ControlServer> {
  const followers = new Set<Socket>();
  const connections = new Set<Socket>();
  const waiting = { bytes: 0 };
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => {
      connections.delete(socket);
      followers.delete(socket);
    });
    // A client that disconnected is no problem.
    socket.on('error', () => socket.destroy());
    const hear = (line: string): void => {
      const request = parse(line);
      if ('error' in request) send(socket, request);
      else if (request.ask === 'events') {
        for (const event of controlled.history()) send(socket, { event });
        followers.add(socket);
      } else void answer(request, controlled).then((reply) => send(socket, reply));
    };
    readLines(socket, waiting, hear);
  });
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    publish: (event) => {
      for (const socket of followers) {
        // A follower that is suspended or does not read must not fill our memory.
        if (socket.writableLength > longestBacklog) socket.destroy();
        else send(socket, { event });
      }
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of connections) socket.end();
      // A follower that is suspended or does not read must not prevent the run from ending.
      const timeout = setTimeout(() => connections.forEach((socket) => socket.destroy()), lastReadMs);
      await closed;
      clearTimeout(timeout);
    },
  };
}

/**
 * A request takes a few hundred bytes. If a line is too long, or too many bytes are waiting for their line end, the request is
 * refused and its connection closed.
 */
function readLines(socket: Socket, waiting: { bytes: number }, onLine: (line: string) => void): void {
  let parts: Buffer[] = [];
  let bytes = 0;
  const forget = (): void => {
    waiting.bytes -= bytes;
    [parts, bytes] = [[], 0];
  };
  socket.on('close', forget);
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      const line = Buffer.concat([...parts, rest.subarray(0, end)]);
      forget();
      rest = rest.subarray(end + 1);
      if (line.length <= longestLineBytes) onLine(line.toString('utf8').replace(/\r$/, ''));
      else return refuse(socket);
    }
    parts.push(rest);
    bytes += rest.length;
    waiting.bytes += rest.length;
    if (bytes > longestLineBytes || waiting.bytes > longestWait) {
      forget();
      refuse(socket);
    }
  });
}

function refuse(socket: Socket): void {
  socket.removeAllListeners('data');
  // Further input is read and dropped for a while, so that the sender can read the reason.
  socket.on('data', () => {});
  socket.end(`${JSON.stringify({ error: `a line has at most ${longestLineBytes} bytes` })}\n`);
  setTimeout(() => socket.destroy(), lastReadMs).unref();
}

type Question = Exclude<ControlRequest, { ask: 'events' }>;

async function answer(request: Question, controlled: Controlled): Promise<ControlReply> {
  if (request.ask === 'status') return { status: controlled.status() };
  if (request.until !== undefined && monotonicMs() > request.until) {
    return { error: 'the request is too old: its sender has given up', code: 'unavailable' };
  }
  if (request.ask === 'stop') {
    controlled.stop(request.now);
    return { accepted: true };
  }
  try {
    if (request.ask === 'replace') return { changed: await controlled.replace(request) };
    if (request.ask === 'scale') return { changed: await controlled.scale(request.replicas) };
    await controlled.act(request.action, request.process);
    return { accepted: true };
  } catch (error) {
    if (error instanceof StartFailure) return failedStart(error.failure);
    if (!(error instanceof DynamoError)) return { error: messageOf(error), code: 'process-failed' };
    const { message, code, details, hint, fields } = error;
    return {
      error: message,
      code,
      fields,
      ...(details.length === 0 ? {} : { details }),
      ...(hint === undefined ? {} : { hint }),
    };
  }
}

function failedStart({ message, code, fields = {}, process, logFile, hint }: Failure): ControlReply {
  const about = {
    ...(process === undefined ? {} : { process }),
    ...(logFile === undefined ? {} : { logFile }),
  };
  const error = `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
  const next = hint ?? (process === undefined ? undefined : `dynamo logs ${process}`);
  return { error, code, fields: { ...fields, ...about }, ...(next === undefined ? {} : { hint: next }) };
}

function send(socket: Socket, reply: ControlReply): void {
  if (socket.writable) socket.write(`${JSON.stringify(reply)}\n`);
}

function parse(line: string): ControlRequest | { error: string } {
  let request: Partial<ControlRequest> | null;
  try {
    request = JSON.parse(line) as Partial<ControlRequest> | null;
  } catch {
    request = null;
  }
  if (typeof request !== 'object' || request === null)
    return { error: 'a request is one JSON object per line' };
  if (request.protocol !== protocolVersion) {
    return {
      error: `this run uses control protocol ${protocolVersion}, the request uses ${String(request.protocol)}`,
    };
  }
  if (isKnown(request) && (request.until === undefined || typeof request.until === 'number')) return request;
  return { error: `unknown request ${JSON.stringify((request as { ask?: unknown }).ask)}` };
}

const actions: ReadonlySet<unknown> = new Set(['start', 'stop', 'restart', 'kill'] satisfies AnyAction[]);
const replaceShape = object({
  names: list(text),
  templates: map(processShape),
  secrets: map(text),
  startWithinMs: optional(number),
});

function isCounts(replicas: unknown): boolean {
  if (typeof replicas !== 'object' || replicas === null) return false;
  return Object.values(replicas).every((count) => typeof count === 'number');
}

function isKnown(request: Partial<ControlRequest>): request is ControlRequest {
  if (request.ask === 'replace') return replaceShape(request, '') === undefined;
  if (request.ask === 'scale') return isCounts(request.replicas);
  if (request.ask !== 'act') return ['status', 'events', 'stop'].includes(request.ask ?? '');
  const { action, process } = request;
  return typeof process === 'string' && actions.has(action);
}
