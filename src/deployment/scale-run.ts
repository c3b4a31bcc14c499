/** Changes the workers of a live run through its supervisor, wherever that is. */
import { DynamoError } from '../base/error.ts';
import { askChange, type ChangeAsk, followEvents, isSilence, isUnreachable } from '../run/control-client.ts';
import { socketOf, type StateFolders } from '../run/folders.ts';
import type { ChangeReport } from '../run/protocol.ts';
import type { StoredRun } from '../run/record.ts';
import type { RunEvent } from '../supervisor/events.ts';
import { silenceError } from './ask-supervisor.ts';

export interface ScaleOptions {
  /** Events of the run from now on, while it is being changed. */
  readonly onEvent?: (event: RunEvent) => void;
  /** How long to wait. The supervisor finishes the change in any case. */
  readonly timeoutMs?: number | undefined;
  /** Aborts when nobody waits any more: rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * `replicas`: the wanted number of workers by component; others stay as they are. Settles when new workers have answered and
 * old ones are gone. Throws DynamoError: `usage` or `busy` if the change was refused, `process-failed` or `not-ready` if a new
 * worker failed and was taken back, `unavailable` if there is no answer.
 */
export async function scaleRun(
  folders: StateFolders,
  run: StoredRun,
  replicas: Readonly<Record<string, number>>,
  options: ScaleOptions = {},
): Promise<ChangeReport> {
  return await changeRun(folders, run, { ask: 'scale', replicas }, options);
}

/** The same for any change. */
export async function changeRun(
  folders: StateFolders,
  run: StoredRun,
  ask: ChangeAsk,
  { onEvent, timeoutMs, signal }: ScaleOptions,
): Promise<ChangeReport> {
  const socket = socketOf(folders, run.record);
  const leave = new AbortController();
  if (onEvent !== undefined) void followFromNow(socket, onEvent, leave.signal);
  const ends = [
    ...(timeoutMs === undefined ? [] : [whenLate(run, timeoutMs, leave.signal)]),
    ...(signal === undefined ? [] : [whenAborted(signal)]),
  ];
  const asked = askChange(socket, ask, leave.signal);
  // After one of the ends, nobody listens to it.
  asked.catch(() => {});
  try {
    return await Promise.race([asked, ...ends]);
  } catch (error) {
    throw isSilence(error) || isUnreachable(error) ? silenceError(run, error) : error;
  } finally {
    leave.abort();
  }
}

/** Without what happened before; never rejects. */
async function followFromNow(
  socket: string,
  onEvent: (event: RunEvent) => void,
  leave: AbortSignal,
): Promise<void> {
  const from = Date.now();
  try {
    for await (const event of followEvents(socket, leave)) if (event.at >= from) onEvent(event);
  } catch {
    // The answer to the request says what happened.
  }
}

async function whenLate(
  { record: { runId, name } }: StoredRun,
  timeoutMs: number,
  done: AbortSignal,
): Promise<never> {
  return await new Promise((_, reject) => {
    const timer = setTimeout(() => {
      reject(
        new DynamoError(
          'not-ready',
          `Run ${runId} was not changed within ${timeoutMs / 1000} s; it goes on.`,
          {
            hint: `dynamo events ${name}   # shows when it is done`,
            fields: { runId, timeoutMs },
          },
        ),
      );
    }, timeoutMs);
    done.addEventListener('abort', () => clearTimeout(timer));
  });
}

async function whenAborted(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
