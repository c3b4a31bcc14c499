/** Listens on the control socket of a run, so that other terminals can ask about it and stop it. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { DynamoError } from '../base/error.ts';
import { messageOf } from '../base/error-code.ts';
import type { RunEvent } from '../supervisor/event.ts';
import type { RunStatus } from '../supervisor/status.ts';
import type { ProcessAction } from '../supervisor/process-action.ts';
import { type ControlReply, type ControlRequest, protocolVersion } from './protocol.ts';

export interface Controlled {
  status(): RunStatus;
  /** All events until now. */
  history(): readonly RunEvent[];
  stop(now: boolean): void;
  act(action: ProcessAction, process: string): Promise<void>;
}

export interface ControlServer {
  /** Sends an event to everybody who follows. */
  publish(event: RunEvent): void;
  /** Ends when all followers have got what was published. */
  close(): Promise<void>;
}

/** How long followers may take to read what was published last. */
const lastReadMs = 1_000;

export async function openControlServer(path: string, controlled: Controlled): Promise<ControlServer> {
  const followers = new Set<Socket>();
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => {
      connections.delete(socket);
      followers.delete(socket);
    });
    // A client that went away is none of our trouble.
    socket.on('error', () => socket.destroy());
    const lines = createInterface({ input: socket });
    // readline tells the errors of its input once more.
    lines.on('error', () => {});
    lines.on('line', (line) => {
      const request = parse(line);
      if ('error' in request) send(socket, request);
      else if (request.ask === 'events') {
        for (const event of controlled.history()) send(socket, { event });
        followers.add(socket);
      } else void answer(request, controlled).then((reply) => send(socket, reply));
    });
  });
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    publish: (event) => {
      for (const socket of followers) send(socket, { event });
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of connections) socket.end();
      // A follower that is stopped, or reads no more, must not keep the run from ending.
      const impatience = setTimeout(() => connections.forEach((socket) => socket.destroy()), lastReadMs);
      await closed;
      clearTimeout(impatience);
    },
  };
}

type Question = Exclude<ControlRequest, { ask: 'events' }>;

async function answer(request: Question, controlled: Controlled): Promise<ControlReply> {
  if (request.ask === 'status') return { status: controlled.status() };
  if (request.ask === 'stop') {
    controlled.stop(request.now);
    return { accepted: true };
  }
  try {
    await controlled.act(request.action, request.process);
    return { accepted: true };
  } catch (error) {
    return { error: messageOf(error), code: error instanceof DynamoError ? error.code : 'process-failed' };
  }
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
    return { error: 'a request is one JSON object a line' };
  if (request.protocol !== protocolVersion) {
    return {
      error: `this run speaks control protocol ${protocolVersion}, the request ${String(request.protocol)}`,
    };
  }
  if (isKnown(request)) return request;
  return { error: `unknown request ${JSON.stringify((request as { ask?: unknown }).ask)}` };
}

function isKnown(request: Partial<ControlRequest>): request is ControlRequest {
  if (request.ask !== 'act') return ['status', 'events', 'stop'].includes(request.ask ?? '');
  const { action, process } = request;
  return typeof process === 'string' && (action === 'start' || action === 'stop' || action === 'restart');
}
