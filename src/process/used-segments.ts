/** Shared memory that a run used: written down while it is mapped, as its name tells of nobody, and removed at the end. */
import { rmSync } from 'node:fs';
import { bootId } from './identity.ts';
import { appendSegment, readSegments, type SegmentEntry } from './ledger.ts';
import { type Segment, segmentsIn, usersOf } from './shared-memory.ts';

/** One look may fall between the making of a segment and its mapping, two do not. */
const looksEnough = 2;

/** Call what it gives with all processes of the run, every now and then. Writes each segment down once. */
export function createSegmentWatch(
  ledgerFile: string,
  runId: string,
): (processes: readonly { readonly pid: number }[]) => void {
  const looks = new Map<string, number>();
  return (processes) => {
    const open = segmentsIn().filter((segment) => (looks.get(keyOf(segment)) ?? 0) < looksEnough);
    const users = usersOf(open, processes);
    for (const segment of open) {
      const ours = users.has(segment.path);
      looks.set(keyOf(segment), ours ? looksEnough : (looks.get(keyOf(segment)) ?? 0) + 1);
      const { path, inode } = segment;
      if (ours) appendSegment(ledgerFile, { bootId: bootId(), runId, segment: path, inode });
    }
  };
}

/** What the ledger names and nobody uses any more. Call it when no process of the run is left. */
export function removeUsedSegments(ledgerFile: string): void {
  const used = new Set(readSegments(ledgerFile).map(keyOfEntry));
  if (used.size === 0) return;
  const left = segmentsIn().filter((segment) => used.has(keyOf(segment)));
  const users = usersOf(left);
  for (const { path } of left) if (!users.has(path)) rmSync(path, { force: true });
}

/** Another segment of the same name has another number. */
export function keyOf({ path, inode }: Segment): string {
  return `${path}@${inode}`;
}

export function keyOfEntry({ segment, inode }: SegmentEntry): string {
  return `${segment}@${inode}`;
}
