/** Shared memory segments that engines leave in /dev/shm when they are killed, and who made or uses them. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { livingProcesses } from './proc.ts';

export interface Segment {
  readonly path: string;
  readonly bytes: number;
  readonly uid: number;
  readonly inode: number;
  /** In milliseconds since the epoch. */
  readonly bornAt: number;
  /** Pid of the process that made it, where the name says so. */
  readonly creator?: number;
}

/**
 * Names of SGLang, PyTorch, NCCL, Python's multiprocessing and joblib; nothing else in /dev/shm is looked at.
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
        // Some file systems have no time of birth.
        const bornAt = birthtimeMs > 0 ? birthtimeMs : ctimeMs;
        return [
          { path, bytes: size, uid, inode: ino, bornAt, ...(creator === undefined ? {} : { creator }) },
        ];
      } catch {
        return []; // gone meanwhile
      }
    });
}

/** `sgl_shm_mm_4321_0`, `torch_4321_17_0` and `sem.loky-4321-ab` were made by 4321; the names of the others are random. */
export function creatorIn(name: string): number | undefined {
  const pid = /^(?:sgl_shm_(?:[a-z]\w*?_)??|torch_|sem\.loky-)(\d+)[_-]/.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/**
 * Which of `processes` (all that live) use these segments, by path; those of other users cannot be seen without root.
 * By inode: a semaphore is mapped under the name of a temporary file that is gone by then.
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

/** Inodes in /dev/shm. An open descriptor alone does not count: what uses shared memory maps it. */
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
