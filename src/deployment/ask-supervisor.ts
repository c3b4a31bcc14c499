/** The state of a run's supervisor, from /proc and its control socket; and the events of a run, live or from its file. */
import { systemClock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import { presenceOf } from '../process/identity.ts';
import { answerMs, askStatus, followEvents, isSilence, isUnreachable } from '../run/control-client.ts';
import { socketOf, type StateFolders } from '../run/folders.ts';
import { readEvents, type RunRecord, type StoredRun } from '../run/record.ts';
import type { RunStatus } from '../supervisor/status.ts';
import type { RunEvent } from '../supervisor/events.ts';
import { findRun } from './find-run.ts';

export type SupervisorState =
  | { readonly kind: 'answering'; readonly status: RunStatus }
  /** Started less than a minute ago, and does not listen yet. */
  | { readonly kind: 'starting' }
  | { readonly kind: 'suspended' }
  /** It is running and not suspended. `why`: in words, for a sentence. */
  | { readonly kind: 'silent'; readonly why: string }
  | { readonly kind: 'dead' };

/** Node starts slowly on a host that starts many runs at once. */
const startMs = 60_000;

/** Settles within about `answerMs`. Never rejects. */
export async function supervisorState(
  folders: StateFolders,
  { record }: StoredRun,
): Promise<SupervisorState> {
  const giveUpAt = systemClock.now() + answerMs;
  for (;;) {
    const before = presenceOf(record.supervisor);
    if (before !== 'running') return { kind: before };
    try {
      return { kind: 'answering', status: await askStatus(socketOf(folders, record)) };
    } catch (error) {
      const after = presenceOf(record.supervisor);
      if (after !== 'running') return { kind: after };
      if (isUnreachable(error) && isYoung(record)) return { kind: 'starting' };
      // A supervisor that cleans up no longer listens, and ends in a moment.
      if (!isUnreachable(error) || systemClock.now() > giveUpAt) return { kind: 'silent', why: whyOf(error) };
      await systemClock.sleep(50);
    }
  }
}

function isYoung({ startedAt }: RunRecord): boolean {
  return systemClock.now() - startedAt < startMs;
}

function whyOf(error: unknown): string {
  if (isSilence(error)) return `no answer within ${answerMs / 1000} s`;
  if (isUnreachable(error)) return 'no process listens on its control socket';
  return error instanceof Error ? error.message.replace(/\.$/, '') : String(error);
}

/** One line for people about a supervisor that does not work; `undefined` if it does. */
export function troubleOf({ record }: StoredRun, state: SupervisorState): string | undefined {
  const { pid } = record.supervisor;
  if (state.kind === 'suspended') {
    return `its supervisor is suspended (stopped by a signal): fg, or kill -CONT ${pid}; dynamo down ${record.name} ends it`;
  }
  if (state.kind !== 'silent') return undefined;
  return `its supervisor, pid ${pid}, does not answer (${state.why}): dynamo down ${record.name} ends it anyway`;
}

/** The same as an error, for a verb that needs the supervisor. */
export function silenceError(run: StoredRun, error: unknown): DynamoError {
  const { runId, supervisor, name } = run.record;
  if (presenceOf(supervisor) === 'suspended') {
    return new DynamoError(
      'unavailable',
      `The supervisor of ${runId} is suspended (stopped by a signal): the run is unsupervised.`,
      {
        hint: `kill -CONT ${supervisor.pid}   # or fg in its terminal; dynamo down ${name} ends the run`,
        fields: { runId, pid: supervisor.pid },
      },
    );
  }
  return new DynamoError(
    'unavailable',
    `The supervisor of ${runId}, pid ${supervisor.pid}, does not answer: ${whyOf(error)}.`,
    { hint: `dynamo down ${name}   # ends the run anyway`, fields: { runId, pid: supervisor.pid } },
  );
}

const tidyMs = 5_000;

/**
 * The events of a run from the first one; of a live run until it ends or `leave` aborts. Throws `unavailable` if its supervisor
 * is suspended or does not answer.
 */
export async function* eventsOf(
  folders: StateFolders,
  runId: string,
  leave?: AbortSignal,
): AsyncGenerator<RunEvent> {
  let unreachableSince: number | undefined;
  for (;;) {
    if (leave?.aborted === true) return;
    const run = findRun(folders, runId);
    if (!run.supervised) return yield* readEvents(run.files);
    try {
      return yield* followEvents(socketOf(folders, run.record), leave);
    } catch (error) {
      if (isSilence(error)) throw silenceError(run, error);
      if (!isUnreachable(error)) throw error;
      unreachableSince ??= systemClock.now();
      // A supervisor that has just started does not listen yet, and one that cleans up no longer listens.
      const waitsSince = Math.max(unreachableSince, isYoung(run.record) ? systemClock.now() : 0);
      if (presenceOf(run.record.supervisor) === 'suspended' || systemClock.now() - waitsSince > tidyMs)
        throw silenceError(run, error);
      await systemClock.sleep(10);
    }
  }
}
