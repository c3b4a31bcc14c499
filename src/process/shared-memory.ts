/** Shared memory segments that killed engines leave in /dev/shm: who created or uses them, and which may be removed. */
import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { livingProcesses } from './proc.ts';
import { bootId } from './identity.ts';
import { appendSegment, readSegments, type SegmentEntry } from './ledger.ts';

export interface Segment {
  readonly path: string;
  readonly bytes: number;
  readonly uid: number;
  readonly inode: number;
  /** In milliseconds since the epoch. */
  readonly bornAt: number;
  /** Pid of the process that created it, if the name contains it. */
  readonly creator?: number;
}

/**
 * Names used by SGLang, PyTorch, NCCL, Python's multiprocessing and joblib; everything else in /dev/shm is ignored.
 * Source: docs/upstream/memory-and-gpus.md#shared-memory.
 */
const known = /^(sgl_shm_|sglang_loads_|torch_\d+_|psm_|nccl-|sem\.mp-|sem\.loky-)/;

export function segmentsIn(folder = '/dev/shm'): Segment[] {
  return namesIn(folder)
    .filter((name) => known.test(name))
    .flatMap((name) => {
      const path = join(folder, name);
      try {
        const { size, uid, ino, birthtimeMs, ctimeMs } = lstatSync(path);
        const creator = creatorIn(name);
        // Some file systems do not record a birth time.
        const bornAt = birthtimeMs > 0 ? birthtimeMs : ctimeMs;
        return [
          { path, bytes: size, uid, inode: ino, bornAt, ...(creator === undefined ? {} : { creator }) },
        ];
      } catch {
        return []; // Gone meanwhile.
      }
    });
}

/** `sgl_shm_mm_4321_0`, `torch_4321_17_0` and `sem.loky-4321-ab` were created by 4321; the other names are random. */
export function creatorIn(name: string): number | undefined {
  const pid = /^(?:sgl_shm_(?:[a-z]\w*?_)??|torch_|sem\.loky-)(\d+)[_-]/.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/**
 * Which of `processes` (default: all) use these segments, by path; those of other users are only visible to root.
 * Compares inodes: a semaphore is mapped under the name of a temporary file that no longer exists.
 */
export function usersOf(
  segments: readonly Segment[],
  processes?: readonly { readonly pid: number }[],
): Map<string, number[]> {
  const users = new Map<string, number[]>();
  if (segments.length === 0) return users;
  for (const { pid } of processes ?? livingProcesses()) {
    const mapped = mappedBy(pid);
    for (const { path, inode } of segments) {
      if (mapped.has(inode)) users.set(path, [...(users.get(path) ?? []), pid]);
    }
  }
  return users;
}

/** Inodes in /dev/shm. An open descriptor alone does not count: a user of shared memory maps it. */
function mappedBy(pid: number): Set<number> {
  try {
    const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
    const shared = lines.filter((line) => line.includes(' /dev/shm/'));
    return new Set(shared.map((line) => Number(line.split(/\s+/, 5)[4])));
  } catch {
    return new Set();
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** One check may fall between the creation of a segment and its mapping, two do not. */
const enoughChecks = 2;

/** Call the returned function periodically with all processes of the run. Records each segment once. */
export function createSegmentWatch(
  ledgerFile: string,
  runId: string,
): (processes: readonly { readonly pid: number }[]) => void {
  const checks = new Map<string, number>();
  return (processes) => {
    const open = segmentsIn().filter((segment) => (checks.get(keyOf(segment)) ?? 0) < enoughChecks);
    const users = usersOf(open, processes);
    for (const segment of open) {
      const ours = users.has(segment.path);
      checks.set(keyOf(segment), ours ? enoughChecks : (checks.get(keyOf(segment)) ?? 0) + 1);
      const { path, inode } = segment;
      if (ours) appendSegment(ledgerFile, { bootId: bootId(), runId, segment: path, inode });
    }
  };
}

/** Removes segments in the ledger that no process uses any more. Call it when no process of the run is left. */
export function removeUsedSegments(ledgerFile: string): void {
  const here = segmentsIn();
  if (here.length === 0) return;
  const used = new Set(readSegments(ledgerFile).map(keyOfEntry));
  const left = here.filter((segment) => used.has(keyOf(segment)));
  const users = usersOf(left);
  for (const { path } of left) if (!users.has(path)) rmSync(path, { force: true });
}

/** A new segment with the same name has another inode. */
function keyOf({ path, inode }: Segment): string {
  return `${path}@${inode}`;
}

export function keyOfEntry({ segment, inode }: SegmentEntry): string {
  return `${segment}@${inode}`;
}

/** A dead process that a ledger lists. */
export interface DeadCreator {
  readonly pid: number;
  readonly runId: string;
  /** In milliseconds since the epoch. */
  readonly startedAt: number;
  /** End of its run, in milliseconds since the epoch; absent if unknown. */
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
  /** The run that used a segment, by the key of the segment. */
  readonly used: ReadonlyMap<string, string>;
  /** Running processes that map a segment, by its path. */
  readonly users: ReadonlyMap<string, readonly number[]>;
  /** Running processes that a ledger proves to belong to dead runs: they will be stopped. */
  readonly dying: ReadonlyMap<number, string>;
  /** When the process that has this pid now started, in milliseconds since the epoch; `undefined` if there is none. */
  readonly pidTakenSince: (pid: number) => number | undefined;
}

/** File times and process times are read at different moments. */
const slackMs = 1_000;

/** `undefined` unless it is certain that only dead runs have created and used it. */
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
    return { segment, runId: usedBy, proof: `run ${usedBy} used it, and no process uses it now` };
  }
  const made = evidence.creators.find((creator) => couldHaveMade(creator, segment, evidence));
  if (made === undefined) return undefined;
  const proof = `created by pid ${made.pid} of run ${made.runId}, which has ended, and no process uses it`;
  return { segment, runId: made.runId, proof };
}

function couldHaveMade(creator: DeadCreator, segment: Segment, evidence: SegmentEvidence): boolean {
  const { pid, startedAt, endedBy = Infinity } = creator;
  if (pid !== segment.creator) return false;
  if (segment.bornAt < startedAt - slackMs || segment.bornAt > endedBy + slackMs) return false;
  // The pid was reused: only segments older than the new process can be from the run.
  return segment.bornAt < (evidence.pidTakenSince(pid) ?? Infinity) - slackMs;
}
