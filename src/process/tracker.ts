/** Keeps an eye on everything that a run started, and writes down descendants while they can still be recognised. */
import { appendDescendant, type DescendantEntry, type LedgerEntry } from './ledger.ts';
import { isAlive } from './identity.ts';
import { leaderEnds } from './session-proof.ts';
import { findOwned, type OwnedProcess } from './owned.ts';
import { livingProcesses } from './proc.ts';

type Listener = (seen: readonly OwnedProcess[]) => void;

export interface Tracker {
  readonly entries: readonly LedgerEntry[];
  add(entry: LedgerEntry): void;
  /** To be called by the parent of the process of an entry in the very moment in which it learns that it has ended. */
  ended(entry: LedgerEntry): void;
  /** Whether a main process of this name is alive: one small file each, where a look reads all of /proc. */
  leaderLives(process: string): boolean;
  /** What is alive now. All who ask at the same time share one look through /proc. */
  look(): Promise<readonly OwnedProcess[]>;
  /** Calls after each look with what it saw, in the same turn in which that was written down. */
  onLook(listener: Listener): void;
  offLook(listener: Listener): void;
}

/**
 * `descendants`: what an earlier tracker of this run wrote down. A descendant that later calls setsid, forks twice,
 * wipes its environment and closes its files is known by pid and start time from the look that saw it before.
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
  const pace = lookPace();

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
      // We know it all the same. A disk that is full or read-only must not keep the tree from being ended.
    }
  };

  return {
    entries: known,
    onLook: (listener) => void listeners.add(listener),
    offLook: (listener) => void listeners.delete(listener),
    add: (entry) => void known.push(entry),
    ended: (entry) => ends.ended(entry),
    leaderLives: (process) =>
      known
        .filter((entry) => entry.process === process)
        .map((entry) => {
          const alive = isAlive(entry);
          ends.saw(entry, alive);
          return alive;
        })
        .includes(true),
    look: () => {
      next ??= new Promise((resolve, reject) => {
        const search = (): void => {
          next = undefined;
          const begin = performance.now();
          try {
            const living = livingProcesses();
            const alive = new Set(living.map(({ pid, startTime }) => `${pid}@${startTime}`));
            for (const entry of known) ends.saw(entry, alive.has(`${entry.pid}@${entry.startTime}`));
            const owned = findOwned(known, [...seen.values()], ends.ticks, living);
            for (const each of owned) record(each);
            for (const listener of listeners) listener(owned);
            resolve(owned);
          } catch (error) {
            reject(error);
          }
          pace.took(begin, performance.now());
        };
        const restMs = pace.restMs(performance.now());
        if (restMs > 1) setTimeout(search, restMs);
        else setImmediate(search);
      });
      return next;
    },
  };
}

/** So long searches may follow one another without a rest, in milliseconds: those of a stop do. */
const burstMs = 100;

interface LookPace {
  took(beganAt: number, endedAt: number): void;
  /** How long to rest from `now` before the next search. */
  restMs(now: number): number;
}

/** But for a short burst, half of the time at most goes into searches. All times are of one clock, in milliseconds. */
export function lookPace(): LookPace {
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
    restMs: (now) => {
      pay(now);
      return Math.max(0, owedMs - burstMs);
    },
  };
}
