/** Tracks everything that a run started, and records descendants while their origin can still be proved. */
import { appendDescendant, type DescendantEntry, type LedgerEntry } from './ledger.ts';
import { isPopulated } from './cgroup.ts';
import { isAlive } from './identity.ts';
import { leaderEnds } from './session-proof.ts';
import { findOwned, type OwnedProcess } from './owned.ts';
import { type Look, takeLook } from './proc.ts';

type Listener = (seen: readonly OwnedProcess[]) => void;

export interface Tracker {
  readonly entries: readonly LedgerEntry[];
  add(entry: LedgerEntry): void;
  /** It was told to end: if it is our child, scans wait a moment for it. */
  ending(entry: LedgerEntry): void;
  /** The parent of the process calls this as soon as it learns that the process has ended. */
  ended(entry: LedgerEntry): void;
  /**
   * It is our child, not known to have ended, and scans have seen it and all that belongs to it in control groups of the run,
   * which a process cannot leave: what is left of it can be read there.
   */
  isContained(entry: LedgerEntry): boolean;
  /** Whether that is so for every process that runs: then none can hide from us. */
  allContained(): boolean;
  /** Whether scans have seen all that belongs to this process in its control groups, and no process is in them now. */
  isEmptied(process: string): boolean;
  /** Whether a main process of this name is alive. Reads one small file per process; a scan reads all of /proc. */
  leaderLives(process: string): boolean;
  /** The processes that are running now. Concurrent calls share one scan of /proc. */
  scan(): Promise<readonly OwnedProcess[]>;
  /** The same from a look at /proc that serves several runs. */
  search(look: Look): readonly OwnedProcess[];
  /** Called after each scan with its result, in the same turn in which that was recorded. */
  onScan(listener: Listener): void;
  offScan(listener: Listener): void;
}

/**
 * `descendants`: what an earlier tracker of this run recorded. A descendant that later calls setsid, forks twice, wipes its
 * environment and closes its files is still known by pid and start time from an earlier scan.
 */
export function createTracker(
  ledgerFile: string,
  entries: readonly LedgerEntry[] = [],
  descendants: readonly DescendantEntry[] = [],
): Tracker {
  const known = [...entries];
  const seen = new Map(descendants.map((each) => [`${each.pid}@${each.startTime}`, each]));
  let next: Promise<readonly OwnedProcess[]> | undefined;
  const listeners = new Set<Listener>();
  const ends = leaderEnds();
  const pace = scanPace();
  /** Our children: their ends are told. */
  const children = new Set<LedgerEntry>();
  const leaving = new Set<LedgerEntry>();
  /** `pid@startTime` of what was seen in a control group of the run. */
  const grouped = new Set<string>();
  /** Names of processes of which something was seen outside: a control group is no proof then. */
  const strayed = new Set<string>();
  let allLeft: (() => void) | undefined;

  const record = (owned: OwnedProcess): void => {
    const key = `${owned.pid}@${owned.startTime}`;
    const [first] = known;
    if (owned.evidence === 'ledger' || first === undefined || seen.has(key)) return;
    const { pid, startTime, process } = owned;
    const entry: DescendantEntry = { bootId: first.bootId, pid, startTime, runId: first.runId, process };
    seen.set(key, entry);
    try {
      appendDescendant(ledgerFile, entry);
    } catch {
      // It is known in memory. A full or read-only disk must not prevent a stop.
    }
  };

  const search = (look: Look): readonly OwnedProcess[] => {
    const alive = new Set(look.living.map(({ pid, startTime }) => `${pid}@${startTime}`));
    for (const entry of known) ends.saw(entry, alive.has(`${entry.pid}@${entry.startTime}`));
    const owned = findOwned(known, [...seen.values()], ends.ticks, look);
    for (const each of owned) record(each);
    for (const each of owned) {
      if (each.inGroup) grouped.add(`${each.pid}@${each.startTime}`);
      // A main process joins its group before it does anything else.
      else if (each.evidence !== 'ledger') strayed.add(each.process);
    }
    for (const listener of listeners) listener(owned);
    return owned;
  };

  const wasGrouped = ({ pid, startTime, process }: LedgerEntry): boolean =>
    grouped.has(`${pid}@${startTime}`) && !strayed.has(process);

  return {
    entries: known,
    search,
    isContained: (entry) => children.has(entry) && wasGrouped(entry),
    allContained: () => [...children].every(wasGrouped),
    isEmptied: (process) => {
      const lives = known.filter((entry) => entry.process === process);
      return lives.every(
        (entry) => wasGrouped(entry) && entry.cgroup !== undefined && !isPopulated(entry.cgroup),
      );
    },
    onScan: (listener) => void listeners.add(listener),
    offScan: (listener) => void listeners.delete(listener),
    add: (entry) => {
      known.push(entry);
      children.add(entry);
    },
    ending: (entry) => void (children.has(entry) && leaving.add(entry)),
    ended: (entry) => {
      ends.ended(entry);
      children.delete(entry);
      leaving.delete(entry);
      if (leaving.size === 0) allLeft?.();
    },
    leaderLives: (process) =>
      known
        .filter((entry) => entry.process === process)
        .map((entry) => {
          if (ends.ticks.has(entry)) return false;
          // We would have been told.
          if (children.has(entry)) return true;
          const alive = isAlive(entry);
          ends.saw(entry, alive);
          return alive;
        })
        .includes(true),
    scan: () => {
      next ??= new Promise((resolve, reject) => {
        const begin = (): void => {
          next = undefined;
          const beganAt = performance.now();
          try {
            resolve(search(takeLook()));
          } catch (error) {
            reject(error);
          }
          pace.took(beganAt, performance.now());
        };
        const pauseMs = pace.pauseMs(performance.now());
        if (pauseMs > 1) setTimeout(begin, pauseMs);
        else if (leaving.size === 0) setImmediate(begin);
        else {
          const late = setTimeout(() => {
            // These take longer: nobody waits for them again.
            leaving.clear();
            allLeft?.();
          }, togetherMs);
          allLeft = () => {
            clearTimeout(late);
            allLeft = undefined;
            setImmediate(begin);
          };
        }
      });
      return next;
    },
  };
}

/** Processes that were told to end at the same time end within this time of each other, if nothing keeps them: one scan serves all. */
const togetherMs = 8;

/** How long scans of /proc may run back to back, as during a stop, in milliseconds. */
const burstMs = 100;

interface ScanPace {
  took(beganAt: number, endedAt: number): void;
  /** How long to pause from `now` before the next scan. */
  pauseMs(now: number): number;
}

/**
 * How often /proc may be scanned: a scan takes as long as /proc is large, and many callers may ask. Except for a short
 * burst, at most half of the time goes into scans. All times are of one clock, in milliseconds.
 */
export function scanPace(): ScanPace {
  let [owedMs, paidUntil] = [0, 0];
  const pay = (now: number): void => {
    owedMs = Math.max(0, owedMs - (now - paidUntil));
    paidUntil = now;
  };
  return {
    took: (beganAt, endedAt) => {
      pay(beganAt);
      owedMs += endedAt - beganAt;
      paidUntil = endedAt;
    },
    pauseMs: (now) => {
      pay(now);
      return Math.max(0, owedMs - burstMs);
    },
  };
}
