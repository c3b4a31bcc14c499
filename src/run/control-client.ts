/** Talks to the supervisor of a run over its control socket, and never waits for one that gives no sign of life. */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { DynamoError } from '../base/error.ts';
import { errorCode } from '../base/error-code.ts';
import type { RunEvent } from '../supervisor/events.ts';
import type { RunStatus } from '../supervisor/status.ts';
import type { ProcessAction } from '../supervisor/process-action.ts';
import { type ControlReply, type ControlRequest, monotonicMs, protocolVersion } from './protocol.ts';

type Ask = ControlRequest extends infer R ? (R extends ControlRequest ? Omit<R, 'protocol'> : never) : never;

/** A supervisor answers in a millisecond; one that takes longer than this is suspended or stuck. */
export const answerMs = 2_000;
/** So often one that has nothing to say is asked whether it is still there. */
const pulseMs = 2_000;
const tickMs = 250;

/**
 * Rejects with ENOENT or ECONNREFUSED when nobody listens, and as `isSilence` tells when nobody answers within 2 s; so
 * do the others.
 */
export async function askStatus(path: string): Promise<RunStatus> {
  for await (const reply of converse(path)) if ('status' in reply) return reply.status;
  throw new DynamoError('unavailable', 'The supervisor closed the connection without an answer.');
}

/** Settles when the stop has begun, or the supervisor went away. */
export async function askStop(path: string, now: boolean): Promise<void> {
  for await (const reply of converse(path, { ask: 'stop', now })) if ('accepted' in reply) return;
}

/** Settles when the process is ready or gone. */
export async function askAct(path: string, action: ProcessAction, process: string): Promise<void> {
  for await (const reply of converse(path, { ask: 'act', action, process })) if ('accepted' in reply) return;
  throw new DynamoError('process-failed', `The run ended before ${process} could ${action}.`);
}

/** All events of the run from its start, until its supervisor closes or `leave` aborts. */
export async function* followEvents(path: string, leave?: AbortSignal): AsyncGenerator<RunEvent> {
  for await (const reply of converse(path, { ask: 'events' }, leave)) if ('event' in reply) yield reply.event;
}

/**
 * What follows `ask`; without one, the status alone. The status is asked first, and anything that changes the run only
 * when that was answered: what is never answered is never asked
 * for, so a supervisor that wakes up later does nothing that its caller has given up.
 */
async function* converse(path: string, ask?: Ask, leave?: AbortSignal): AsyncGenerator<ControlReply> {
  const isLeft = (): boolean => leave?.aborted === true;
  if (isLeft()) return;
  const socket = await open(path);
  if (isLeft()) return void socket.destroy();
  const lines = createInterface({ input: socket });
  // Of a socket that is destroyed, readline never learns that it is over.
  const hangUp = (): void => {
    socket.destroy();
    lines.close();
  };
  leave?.addEventListener('abort', hangUp);
  const say = (request: Ask): void => {
    const whole = { protocol: protocolVersion, until: monotonicMs() + answerMs, ...request };
    if (socket.writable) socket.write(`${JSON.stringify(whole)}\n`);
  };
  const pulse = takePulse(() => say({ ask: 'status' }), hangUp);
  // To follow changes nothing, and who asks right away misses nothing of a run that ends at once.
  let waits = ask !== undefined && ask.ask !== 'events';
  if (ask !== undefined && !waits) say(ask);
  try {
    for await (const line of lines) {
      const reply = parse(line);
      if (reply === undefined) return;
      pulse.felt();
      if ('error' in reply) throw refusal(reply);
      if ('status' in reply && ask !== undefined) {
        if (waits) say(ask);
        waits = false;
      } else yield reply;
    }
    if (pulse.isGone()) throw silence();
  } finally {
    pulse.end();
    leave?.removeEventListener('abort', hangUp);
    hangUp();
  }
}

interface Pulse {
  /** Something came. */
  felt(): void;
  isGone(): boolean;
  end(): void;
}

/** Asks now, and again whenever nothing came for a while; `onGone` when an answer takes too long. */
function takePulse(ask: () => void, onGone: () => void): Pulse {
  let askedAt: number | undefined = performance.now();
  let [feltAt, tickedAt] = [askedAt, askedAt];
  let gone = false;
  const tick = (): void => {
    const now = performance.now();
    // Who stood still is us: what came meanwhile is yet to be read.
    if (now - tickedAt > 4 * tickMs && askedAt !== undefined) askedAt = now;
    tickedAt = now;
    if (askedAt === undefined && now - feltAt >= pulseMs) {
      askedAt = now;
      ask();
    } else if (askedAt !== undefined && now - askedAt >= answerMs) {
      gone = true;
      onGone();
    }
  };
  ask();
  const timer = setInterval(tick, tickMs);
  return {
    felt: () => {
      askedAt = undefined;
      feltAt = performance.now();
    },
    isGone: () => gone,
    end: () => clearInterval(timer),
  };
}

function refusal({ error, code }: Extract<ControlReply, { error: string }>): DynamoError {
  if (code !== undefined) return new DynamoError(code, error);
  return new DynamoError('unavailable', `The supervisor refused: ${error}.`, {
    hint: 'use the version of dynamo that started this run',
  });
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
      // What was read before is still told; then it is over, as for one that closed.
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
    // Its queue of connections is full: nobody has accepted one for long.
    socket.once('error', (error) => reject(errorCode(error) === 'EAGAIN' ? silence() : error));
  });
}

const silent = Symbol('no answer in time');

function silence(): DynamoError {
  return new DynamoError('unavailable', `The supervisor did not answer within ${answerMs / 1000} s.`, {
    cause: silent,
    hint: 'dynamo ps',
  });
}

/** Whether an error of these calls means that somebody listens, but did not answer in time. */
export function isSilence(error: unknown): boolean {
  return error instanceof DynamoError && error.cause === silent;
}

/** Whether an error of these calls means that nobody listens, or that the supervisor went away meanwhile. */
export function isUnreachable(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '');
}
