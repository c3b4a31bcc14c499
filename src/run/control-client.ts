/** Talks to the supervisor of a run over its control socket. Every wait has a limit. */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { DynamoError } from '../base/error.ts';
import { errorCode } from '../base/error-code.ts';
import type { RunEvent } from '../supervisor/events.ts';
import type { RunStatus } from '../supervisor/status.ts';
import type { AnyAction } from '../supervisor/process-action.ts';
import {
  type ChangeReport,
  type ControlReply,
  type ControlRequest,
  monotonicMs,
  protocolVersion,
} from './protocol.ts';

type Ask = ControlRequest extends infer R ? (R extends ControlRequest ? Omit<R, 'protocol'> : never) : never;

/** A supervisor answers in a millisecond; one that takes longer than this is suspended or stuck. */
export const answerMs = 2_000;
/** How often a quiet supervisor is asked whether it is still there. */
const pulseMs = 2_000;
const tickMs = 250;

/**
 * Rejects with ENOENT or ECONNREFUSED if no process listens, and with an error for which `isSilence` is true if there is no
 * answer within 2 s. So do the other functions.
 */
export async function askStatus(path: string): Promise<RunStatus> {
  for await (const reply of converse(path)) if ('status' in reply) return reply.status;
  throw new DynamoError('unavailable', 'The supervisor closed the connection without an answer.');
}

/** Settles when the stop has begun, or the supervisor has ended. */
export async function askStop(path: string, now: boolean): Promise<void> {
  for await (const reply of converse(path, { ask: 'stop', now })) if ('accepted' in reply) return;
}

/** Settles when the process is ready or gone. */
export async function askAct(path: string, action: AnyAction, process: string): Promise<void> {
  for await (const reply of converse(path, { ask: 'act', action, process })) if ('accepted' in reply) return;
  throw new DynamoError('process-failed', `The run ended before ${process} could ${action}.`, {
    fields: { process },
  });
}

/** What changes the processes of a run. */
export type ChangeAsk = Extract<Ask, { readonly ask: 'scale' | 'replace' }>;

/** Settles when the change is done; it goes on if this process ends meanwhile. */
export async function askChange(path: string, ask: ChangeAsk, leave?: AbortSignal): Promise<ChangeReport> {
  for await (const reply of converse(path, ask, leave)) if ('changed' in reply) return reply.changed;
  throw new DynamoError('process-failed', 'The run ended before its workers were changed.', {
    hint: 'dynamo ps --all',
  });
}

/** All events of the run from its start, until its supervisor closes the connection or `leave` aborts. */
export async function* followEvents(path: string, leave?: AbortSignal): AsyncGenerator<RunEvent> {
  for await (const reply of converse(path, { ask: 'events' }, leave)) if ('event' in reply) yield reply.event;
}

/**
 * The replies to `ask`; without it, only the status. The status is requested first, and a request that changes the run is sent
 * only once that was answered. So a supervisor that was suspended does nothing for a caller that has given up.
 */
async function* converse(path: string, ask?: Ask, leave?: AbortSignal): AsyncGenerator<ControlReply> {
  const isLeft = (): boolean => leave?.aborted === true;
  if (isLeft()) return;
  const socket = await open(path);
  if (isLeft()) return void socket.destroy();
  const lines = createInterface({ input: socket });
  // readline does not notice that its socket was destroyed.
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
  // Following events changes nothing, and asking immediately misses no event of a run that ends right away.
  let waits = ask !== undefined && ask.ask !== 'events';
  if (ask !== undefined && !waits) say(ask);
  try {
    for await (const line of lines) {
      const reply = parse(line);
      if (reply === undefined) return;
      pulse.received();
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
  /** Something was received. */
  received(): void;
  isGone(): boolean;
  end(): void;
}

/** Asks now, and again whenever nothing was received for a while. Calls `onGone` when an answer takes too long. */
function takePulse(ask: () => void, onGone: () => void): Pulse {
  let askedAt: number | undefined = performance.now();
  let [receivedAt, tickedAt] = [askedAt, askedAt];
  let gone = false;
  const tick = (): void => {
    const now = performance.now();
    // We were suspended ourselves: what was received meanwhile has not been read yet.
    if (now - tickedAt > 4 * tickMs && askedAt !== undefined) askedAt = now;
    tickedAt = now;
    if (askedAt === undefined && now - receivedAt >= pulseMs) {
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
    received: () => {
      askedAt = undefined;
      receivedAt = performance.now();
    },
    isGone: () => gone,
    end: () => clearInterval(timer),
  };
}

function refusal(reply: Extract<ControlReply, { error: string }>): DynamoError {
  const { error, code, fields, details, hint } = reply;
  if (code !== undefined) return new DynamoError(code, error, { fields, details, hint });
  return new DynamoError('unavailable', `The supervisor refused: ${error}.`, {
    hint: 'use the version of dynamo that started this run',
  });
}

/** `undefined` for a truncated line, the last output of a supervisor that is killed. */
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
      // What was already received is still delivered; then the connection counts as closed.
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
    // Its connection queue is full: it has not accepted any for a long time.
    socket.once('error', (error) => reject(errorCode(error) === 'EAGAIN' ? silence() : error));
  });
}

const silent = Symbol('no answer in time');

function silence(): DynamoError {
  return new DynamoError('unavailable', `The supervisor did not answer within ${answerMs / 1000} s.`, {
    cause: silent,
    hint: 'dynamo ps',
    fields: { timeoutMs: answerMs },
  });
}

/** Whether an error of these functions means that a process listens but did not answer in time. */
export function isSilence(error: unknown): boolean {
  return error instanceof DynamoError && error.cause === silent;
}

/** Whether an error of these functions means that no process listens, or that the supervisor ended meanwhile. */
export function isUnreachable(error: unknown): boolean {
  return isBroken(error) || ['ENOENT', 'ECONNREFUSED'].includes(errorCode(error) ?? '');
}

/** Whether it means the latter: the connection broke. */
export function isBroken(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '');
}
