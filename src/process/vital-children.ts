/** Reports when a process loses a child that it cannot serve without: engines notice late, and requests hang meanwhile. */
import type { Clock } from '../base/clock.ts';
import type { LostChild } from '../base/error.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import { bootId, isAlive } from './identity.ts';
import type { VitalChild } from '../supervisor/contracts.ts';
import type { OwnedProcess } from './owned.ts';
import { commandLine, readStat } from './proc.ts';
import type { Tracker } from './tracker.ts';

/** How often one small file is read for each vital child. */
const periodMs = 250;
/** A process sets its title seconds after it started, once the engine is imported: it is read again until then. */
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

export interface VitalDependencies {
  readonly tracker: Pick<Tracker, 'scan' | 'onScan' | 'offScan'>;
  readonly clock: Clock;
}

export interface VitalChildren {
  /** Settles when a known vital child has ended; else never. */
  readonly lost: Promise<LostChild>;
  /** Finds the vital children that exist now. Never rejects. */
  find(): Promise<void>;
  /** Those that are known and running. */
  now(): readonly VitalChild[];
}

/**
 * A vital child is recognised by its title, which it sets late: a scan may see it between fork and exec, or while it still
 * loads. So every child is read again, often at first, until it has such a title.
 */
export function watchVitalChildren(
  { name, vitalChildren }: Pick<ProcessSpec, 'name' | 'vitalChildren'>,
  exited: Promise<unknown>,
  { tracker, clock }: VitalDependencies,
): VitalChildren {
  if (vitalChildren === undefined)
    return { lost: new Promise(() => {}), find: async () => {}, now: () => [] };
  const pattern = new RegExp(vitalChildren);
  const children = new Map<string, KnownChild>();
  const read = (child: KnownChild): void => {
    const line = commandLine(child.pid, titleLength);
    const [title = line] = line.split(' ');
    if (pattern.test(line) && !isForkedCopy(child.pid, line)) child.title = title;
    child.pauseMs = Math.min(child.pauseMs * 2, longestPauseMs);
    child.readAgainAt = clock.now() + child.pauseMs;
  };
  const onScan = (seen: readonly OwnedProcess[]): void => {
    for (const { pid, startTime, process } of seen) {
      if (process !== name) continue;
      const key = `${pid}@${startTime}`;
      const child = children.get(key) ?? { pid, startTime, pauseMs: periodMs / 2, readAgainAt: 0 };
      children.set(key, child);
      if (child.title === undefined) read(child);
    }
  };
  tracker.onScan(onScan);
  const search = (): LostChild | undefined => searchLost(children, read, clock.now());
  const lost = firstLoss(search, exited, clock).finally(() => tracker.offScan(onScan));
  return {
    lost: lost.then((seen) => seen ?? new Promise<never>(() => {})),
    find: async () => void (await tracker.scan().catch(() => {})),
    now: () =>
      [...children.values()].flatMap(({ pid, startTime, title }): VitalChild[] => {
        const stat = title === undefined ? undefined : readStat(pid);
        if (title === undefined || stat === undefined || stat.startTime !== startTime) return [];
        // T: by a signal; t: by a debugger.
        return [{ name: title, pid, suspended: /^T$/i.test(stat.state), cpuMs: stat.cpuMs }];
      }),
  };
}

/**
 * When a vital child runs a program, the fork shows the title of its parent until the exec. Such forks end all the time:
 * SGLang 0.5.16's schedulers create some while they load.
 */
function isForkedCopy(pid: number, line: string): boolean {
  const parent = readStat(pid)?.ppid;
  return parent !== undefined && commandLine(parent, titleLength) === line;
}

/** `undefined` if the process itself ended first. */
async function firstLoss(
  search: () => LostChild | undefined,
  exited: Promise<unknown>,
  clock: Clock,
): Promise<LostChild | undefined> {
  const end = new AbortController();
  void exited.then(() => end.abort());
  while (!end.signal.aborted) {
    await clock.sleep(periodMs, end.signal).catch(() => {});
    const lost = end.signal.aborted ? undefined : search();
    if (lost === undefined) continue;
    // If the process itself ended and took its children along, that is what gets reported.
    await clock.sleep(settleMs, end.signal).catch(() => {});
    if (!end.signal.aborted) return lost;
  }
  return undefined;
}

/** Returns a vital child that has ended; reads the titles that are due; drops other children that have ended. */
function searchLost(
  children: Map<string, KnownChild>,
  read: (child: KnownChild) => void,
  now: number,
): LostChild | undefined {
  for (const [key, child] of children) {
    const { title } = child;
    if (title === undefined && now < child.readAgainAt) continue;
    const alive = isAlive({ ...child, bootId: bootId() });
    if (title !== undefined && !alive) return { name: title, pid: child.pid };
    if (!alive) children.delete(key);
    else if (title === undefined) read(child);
  }
  return undefined;
}
