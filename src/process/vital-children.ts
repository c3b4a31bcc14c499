/** Tells at once when a process lost one that it cannot serve without: engines notice late, and hang requests meanwhile. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessSpec } from '../plan/plan.ts';
import { bootId, isAlive } from './identity.ts';
import type { OwnedProcess } from './owned.ts';
import { commandLine } from './proc.ts';
import type { Tracker } from './tracker.ts';

/** Reads one small file for each vital child this often. */
const periodMs = 250;
const settleMs = 50;

interface VitalChild {
  readonly pid: number;
  readonly startTime: string;
  readonly title: string;
}

/**
 * Settles with a description when a vital child of this process, once seen, has ended; else never.
 * Which children are vital shows in their titles, and those come late: every look of the tracker may bring new ones.
 */
export async function lossOfVital(
  { name, vitalChildren }: Pick<ProcessSpec, 'name' | 'vitalChildren'>,
  tracker: Tracker,
  exited: Promise<unknown>,
): Promise<string> {
  const never = new Promise<string>(() => {});
  if (vitalChildren === undefined) return await never;
  const pattern = new RegExp(vitalChildren);
  const vital = new Map<string, VitalChild>();
  const meet = (seen: readonly OwnedProcess[]): void => {
    for (const { pid, startTime, process } of seen) {
      if (process !== name || vital.has(`${pid}@${startTime}`)) continue;
      const line = commandLine(pid, 200);
      const [title = line] = line.split(' ');
      if (pattern.test(line)) vital.set(`${pid}@${startTime}`, { pid, startTime, title });
    }
  };
  tracker.onLook(meet);
  const end = new AbortController();
  void exited.then(() => end.abort());
  for (;;) {
    await delay(periodMs, undefined, { ref: false });
    if (end.signal.aborted) break;
    const lost = [...vital.values()].find((each) => !isAlive({ ...each, bootId: bootId() }));
    if (lost === undefined) continue;
    // Where the process itself ended and took them along, that is what there is to tell.
    await Promise.race([exited, delay(settleMs)]);
    if (end.signal.aborted) break;
    tracker.offLook(meet);
    return `its ${lost.title} (pid ${lost.pid}) ended`;
  }
  tracker.offLook(meet);
  return await never;
}
