/** What the buttons of the page do: the same requests over the control socket as `dynamo restart`, `stop`, `start` and `down`. */
import { DynamoError } from '../base/error.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { object, oneOf, text } from '../base/shape.ts';
import { silenceError } from '../deployment/ask-supervisor.ts';
import type { ActRequest, DownRequest, Refusal } from '../page/messages.ts';
import { isAlive } from '../process/identity.ts';
import { askAct, askStop, isSilence, isUnreachable } from '../run/control-client.ts';
import { socketOf, type StateFolders } from '../run/folders.ts';
import { readPlan, type StoredRun, storedRuns } from '../run/record.ts';

export interface Answer {
  readonly status: number;
  readonly body: object;
}

const actShape = object({ run: text, process: text, action: oneOf('start', 'stop', 'restart') });
const downShape = object({ run: text });

export function isAct(value: unknown): value is ActRequest {
  return actShape(value, '') === undefined;
}

export function isDown(value: unknown): value is DownRequest {
  return downShape(value, '') === undefined;
}

const done: Answer = { status: 200, body: {} };

/** Settles when the process is ready or gone. Never rejects. */
export async function act(folders: StateFolders, request: ActRequest): Promise<Answer> {
  return await attempt(async () => {
    const run = liveRun(folders, request.run);
    const names = readPlan(run.files)?.processes.map(({ name }) => name) ?? [];
    if (!names.includes(request.process))
      throw new DynamoError('usage', `${request.run} has no process ${JSON.stringify(request.process)}.`, {
        fields: { runId: request.run, asked: request.process },
      });
    await asked(run, async () => {
      await askAct(socketOf(folders, run.record), request.action, request.process);
    });
  });
}

/** Settles when the stop has begun; the events tell the rest. Never rejects. */
export async function down(folders: StateFolders, { run: runId }: DownRequest): Promise<Answer> {
  return await attempt(async () => {
    const run = liveRun(folders, runId);
    await asked(run, async () => {
      await askStop(socketOf(folders, run.record), false);
    });
  });
}

export function liveRun(folders: StateFolders, runId: string): StoredRun {
  const run = storedRuns(folders, isAlive).find(({ record }) => record.runId === runId);
  if (run?.supervised === true) return run;
  const hint = run === undefined ? 'dynamo ps --all' : `dynamo down ${run.record.name}`;
  throw new DynamoError('run-not-found', `Run ${runId} is not up.`, { hint, fields: { runId } });
}

async function asked(run: StoredRun, ask: () => Promise<void>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    throw isSilence(error) || isUnreachable(error) ? silenceError(run, error) : error;
  }
}

async function attempt(work: () => Promise<void>): Promise<Answer> {
  try {
    await work();
    return done;
  } catch (error) {
    return refusal(409, error);
  }
}

export function refusal(status: number, error: unknown): Answer {
  const body: Refusal =
    error instanceof DynamoError
      ? { error: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
      : { error: [messageOf(error), errorCode(error)].filter((part) => part !== undefined).join(' ') };
  return { status, body };
}
