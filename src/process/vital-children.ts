/** Tells at once when a process lost one that it cannot serve without: engines notice late, and hang requests meanwhile. */
import type { Clock } from '../base/clock.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import { bootId, isAlive } from './identity.ts';
import type { OwnedProcess } from './owned.ts';
import { commandLine, readStat } from './proc.ts';
import type { Tracker } from './tracker.ts';

/** Reads one small file for each vital child this often. */
const periodMs = 250;
/** A title comes seconds after its process, with the engine's imports between: it is read again until it is one. */
const longestPauseMs = 4_000;
const settleMs = 50;
const titleLength = 200;

interface KnownChild {
  readonly pid: number;
  readonly startTime: string;
  /** Set once it is known to be vital. */
  title?: string;
  pauseMs: number;
  readAgainAt: number;
}

type LostChild = KnownChild & { readonly title: string };

export interface VitalDependencies {
  readonly tracker: Pick<Tracker, 'look' | 'onLook' | 'offLook'>;
  readonly clock: Clock;
}

export interface VitalChildren {
  /** Settles with a description when a vital child that was known has ended; else never. */
  readonly lost: Promise<string>;
  /** Looks for those that there are now. Never rejects. */
  meet(): Promise<void>;
}

/**
 * Which children of a process are vital shows in their titles, and those come late: a look may see a child between fork
 * and exec, or while it still loads. So every child that a look saw is read again, often at first, until it has such a title.
 */
export function watchVitalChildren(
  { name, vitalChildren }: Pick<ProcessSpec, 'name' | 'vitalChildren'>,
  exited: Promise<unknown>,
  { tracker, clock }: VitalDependencies,
): VitalChildren {
  if (vitalChildren === undefined) return { lost: new Promise(() => {}), meet: async () => {} };
  const pattern = new RegExp(vitalChildren);
  const children = new Map<string, KnownChild>();
  const read = (child: KnownChild): void => {
    const line = commandLine(child.pid, titleLength);
    const [title = line] = line.split(' ');
    if (pattern.test(line) && !isForkedCopy(child.pid, line)) child.title = title;
    child.pauseMs = Math.min(child.pauseMs * 2, longestPauseMs);
    child.readAgainAt = clock.now() + child.pauseMs;
  };
  const onLook = (seen: readonly OwnedProcess[]): void => {
    for (const { pid, startTime, process } of seen) {
      if (process !== name) continue;
      const key = `${pid}@${startTime}`;
      const child = children.get(key) ?? { pid, startTime, pauseMs: periodMs / 2, readAgainAt: 0 };
      children.set(key, child);
      if (child.title === undefined) read(child);
    }
  };
  tracker.onLook(onLook);
  const search = (): LostChild | undefined => searchLost(children, read, clock.now());
  const lost = firstLoss(search, exited, clock).finally(() => tracker.offLook(onLook));
  return {
    lost: lost.then((seen) => seen ?? new Promise<never>(() => {})),
    meet: async () => void (await tracker.look().catch(() => {})),
  };
}

/**
 * A vital child that runs a program forks first, and until the exec the fork shows the title of its parent. Such forks
 * end all the time: SGLang 0.5.16's schedulers make some while they load.
 */
function isForkedCopy(pid: number, line: string): boolean {
  const parent = readStat(pid)?.ppid;
  return parent !== undefined && commandLine(parent, titleLength) === line;
}

/** `undefined` when the process itself ended first. */
async function firstLoss(
  search: () => LostChild | undefined,
  exited: Promise<unknown>,
  clock: Clock,
): Promise<string | undefined> {
  const end = new AbortController();
  void exited.then(() => end.abort());
  while (!end.signal.aborted) {
    await clock.sleep(periodMs, end.signal).catch(() => {});
    const lost = end.signal.aborted ? undefined : search();
    if (lost === undefined) continue;
    // Where the process itself ended and took them along, that is what there is to tell.
    await clock.sleep(settleMs, end.signal).catch(() => {});
    if (!end.signal.aborted) return `its ${lost.title} (pid ${lost.pid}) ended`;
  }
  return undefined;
}

/** Answers a vital child that has ended, reads the titles whose time has come, and drops other children that have ended. */
function searchLost(
  children: Map<string, KnownChild>,
  read: (child: KnownChild) => void,
  now: number,
): LostChild | undefined {
  for (const [key, child] of children) {
    const { title } = child;
    if (title === undefined && now < child.readAgainAt) continue;
    const alive = isAlive({ ...child, bootId: bootId() });
    if (title !== undefined && !alive) return { ...child, title };
    if (!alive) children.delete(key);
    else if (title === undefined) read(child);
  }
  return undefined;
}
