/** Talks to the supervisor of a run over its control socket. */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { DynamoError } from '../base/error.ts';
import { errorCode } from '../base/error-code.ts';
import type { RunEvent } from '../supervisor/event.ts';
import type { RunStatus } from '../supervisor/status.ts';
import type { ProcessAction } from '../supervisor/process-action.ts';
import { type ControlReply, type ControlRequest, protocolVersion } from './protocol.ts';

type Ask = ControlRequest extends infer R ? (R extends ControlRequest ? Omit<R, 'protocol'> : never) : never;

/** Rejects with ENOENT or ECONNREFUSED when nobody listens. */
export async function askStatus(path: string): Promise<RunStatus> {
  for await (const reply of converse(path, { ask: 'status' })) if ('status' in reply) return reply.status;
  throw new DynamoError('unavailable', 'The supervisor closed the connection without an answer.');
}

export async function askStop(path: string, now: boolean): Promise<void> {
  for await (const reply of converse(path, { ask: 'stop', now })) if ('accepted' in reply) return;
}

/** Settles when the process is ready or gone. */
export async function askAct(path: string, action: ProcessAction, process: string): Promise<void> {
  for await (const reply of converse(path, { ask: 'act', action, process })) if ('accepted' in reply) return;
  throw new DynamoError('process-failed', `The run ended before ${process} could ${action}.`);
}

/** All events of the run from its start, until its supervisor closes. */
export async function* followEvents(path: string): AsyncGenerator<RunEvent> {
  for await (const reply of converse(path, { ask: 'events' })) if ('event' in reply) yield reply.event;
}

async function* converse(path: string, ask: Ask): AsyncGenerator<ControlReply> {
  const socket = await open(path);
  try {
    socket.write(`${JSON.stringify({ protocol: protocolVersion, ...ask })}\n`);
    for await (const line of createInterface({ input: socket })) {
      const reply = parse(line);
      if (reply === undefined) return;
      if ('error' in reply && reply.code !== undefined) throw new DynamoError(reply.code, reply.error);
      if ('error' in reply) {
        throw new DynamoError('unavailable', `The supervisor refused: ${reply.error}.`, {
          hint: 'use the version of dynamo that started this run',
        });
      }
      yield reply;
    }
  } finally {
    socket.destroy();
  }
}

/** `undefined` for half a line, which is the last thing that a supervisor says when it is killed. */
function parse(line: string): ControlReply | undefined {
  try {
    return JSON.parse(line) as ControlReply;
  } catch {
    return undefined;
  }
}

async function open(path: string): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.off('error', reject);
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** Whether an error of these calls means that nobody listens, or that the supervisor went away meanwhile. */
export function isUnreachable(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '');
}
