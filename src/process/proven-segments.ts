/** Which shared memory segments a ledger proves to be left by dead processes of ours. */
import type { Segment } from './shared-memory.ts';
import { keyOf } from './used-segments.ts';

/** A dead process that a ledger names. */
export interface DeadCreator {
  readonly pid: number;
  readonly runId: string;
  /** In milliseconds since the epoch. */
  readonly startedAt: number;
  /** End of its run, in milliseconds since the epoch; absent while that is not known. */
  readonly endedBy?: number;
}

export interface SegmentProof {
  readonly segment: Segment;
  readonly runId: string;
  readonly proof: string;
}

export interface SegmentEvidence {
  readonly uid: number;
  readonly creators: readonly DeadCreator[];
  /** Run that used a segment while it lived, by the key of the segment. */
  readonly used: ReadonlyMap<string, string>;
  /** Living processes that map a segment, by its path. */
  readonly users: ReadonlyMap<string, readonly number[]>;
  /** Living processes that a ledger proves to be of dead runs: they will be ended. */
  readonly dying: ReadonlyMap<number, string>;
  /** When the process that has this pid now began, in milliseconds since the epoch; `undefined` when none has it. */
  readonly pidTakenSince: (pid: number) => number | undefined;
}

/** Clocks of files and of processes are read at different moments. */
const slackMs = 1_000;

/** `undefined` unless it is certain that nobody but dead runs of ours has made and uses it. */
export function proofOf(segment: Segment, evidence: SegmentEvidence): SegmentProof | undefined {
  const users = evidence.users.get(segment.path) ?? [];
  const runs = users.map((pid) => evidence.dying.get(pid));
  if (segment.uid !== evidence.uid || runs.includes(undefined)) return undefined;
  const [runId] = runs;
  if (runId !== undefined) {
    return { segment, runId, proof: `only processes of the dead run ${runId} use it (${users.join(', ')})` };
  }
  const usedBy = evidence.used.get(keyOf(segment));
  if (usedBy !== undefined) {
    return { segment, runId: usedBy, proof: `run ${usedBy} used it while it lived, and nobody does now` };
  }
  const made = evidence.creators.find((creator) => couldHaveMade(creator, segment, evidence));
  if (made === undefined) return undefined;
  const proof = `made by pid ${made.pid} of run ${made.runId}, which is dead, and nobody uses it`;
  return { segment, runId: made.runId, proof };
}

function couldHaveMade(creator: DeadCreator, segment: Segment, evidence: SegmentEvidence): boolean {
  const { pid, startedAt, endedBy = Infinity } = creator;
  if (pid !== segment.creator) return false;
  if (segment.bornAt < startedAt - slackMs || segment.bornAt > endedBy + slackMs) return false;
  // Somebody else has the pid by now: only what is older than that one can be ours.
  return segment.bornAt < (evidence.pidTakenSince(pid) ?? Infinity) - slackMs;
}
