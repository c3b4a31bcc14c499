/** Lets one process at a time stop what a dead supervisor left, and limits how long others wait for it. */
import { isAlive, ownIdentity, presenceOf, signalProven } from '../process/identity.ts';
import { type Claim, claim, unclaim } from '../run/claim.ts';
import type { RunFiles } from '../run/folders.ts';
import { systemClock } from '../base/clock.ts';
import type { Identity } from '../base/identity.ts';
import type { Plan } from '../plan/plan.ts';

interface SoleReaper {
  /** Another process has used up the time, in words: what it left is killed without a grace period. */
  readonly overdue: string | undefined;
  release(): void;
}

/**
 * Waits for another process that is stopping this run: it has `limitMs`, is resumed if it is suspended, and killed if it takes
 * longer. If the claim can be neither written nor read, only the keeper of the run is waited for, as /proc shows it. Stopping
 * matters more than exclusion: does not wait for a process that survives SIGKILL.
 */
export async function soleReaper(files: RunFiles, runId: string, limitMs: number): Promise<SoleReaper> {
  const mine: Claim = { runId, holder: ownIdentity() };
  const release = (): void => quietly(() => unclaim(files.reaper, mine, isAlive));
  for (let overdue: string | undefined; ;) {
    const other = claimed(files.reaper, mine);
    if (other === 'impossible' || other?.kind === 'unknown')
      return { overdue: (await outwaitKeepers(files, limitMs)) ?? overdue, release };
    if (other === undefined || other.claim.holder.pid === mine.holder.pid) return { overdue, release };
    const { holder } = other.claim;
    const outcome = await outwait(holder, limitMs);
    if (outcome !== 'gone') overdue = overdueText('another command or its keeper', holder, outcome, limitMs);
    if (outcome === 'stuck') return { overdue, release: () => {} };
  }
}

function claimed(file: string, mine: Claim): ReturnType<typeof claim> | 'impossible' {
  try {
    return claim(file, mine, isAlive);
  } catch {
    // The folder is gone, or the disk is full or read-only.
    return 'impossible';
  }
}

async function outwaitKeepers(files: RunFiles, limitMs: number): Promise<string | undefined> {
  const { keepersAtWork } = await import('./kept-runs.ts');
  let overdue: string | undefined;
  for (const keeper of await keepersAtWork(files)) {
    const outcome = await outwait(keeper, limitMs);
    if (outcome !== 'gone') overdue = overdueText('its keeper', keeper, outcome, limitMs);
  }
  return overdue;
}

function overdueText(who: string, { pid }: Identity, outcome: Outwaited, limitMs: number): string {
  const end = outcome === 'ended' ? 'was killed' : 'does not end after SIGKILL';
  return `${who} (pid ${pid}) had not ended the run after ${limitMs / 1000} s and ${end}`;
}

/** For writes that only serve as information for people. */
export function quietly(write: () => void): void {
  try {
    write();
  } catch {
    // The end of the run must not depend on it.
  }
}

/** A process that SIGKILL does not end within this time is stuck in the kernel. */
const killMs = 2_000;

/** `gone`: it ended by itself; `ended`: it was killed; `stuck`: it survived SIGKILL. */
type Outwaited = 'gone' | 'ended' | 'stuck';

/** Waits for another of our processes to end. Resumes it if it is suspended; kills it after `patienceMs`. Checks its identity each time. */
export async function outwait(other: Identity, patienceMs: number): Promise<Outwaited> {
  const killAt = systemClock.now() + patienceMs;
  const giveUpAt = killAt + killMs;
  let killed = false;
  for (let presence = presenceOf(other); presence !== 'dead'; presence = presenceOf(other)) {
    const now = systemClock.now();
    if (now > giveUpAt) return 'stuck';
    if (now >= killAt) killed = signalProven(other, 'SIGKILL') || killed;
    else if (presence === 'suspended') signalProven(other, 'SIGCONT');
    await systemClock.sleep(5);
  }
  return killed ? 'ended' : 'gone';
}

/** `down --now`: for an answer, and for the end of the run. */
export const immediateLimitMs = 2_000;
/** For a run whose plan cannot be read. */
const unknownBudgetMs = 60_000;
/** Beyond the grace periods: SIGKILL and its verification, containers, keys in an external etcd. */
const marginMs = 15_000;

/** How long the stop of a run may take, from the request to the end of the supervisor. docs/limits.md lists these limits. */
export function stopLimitMs(plan: Plan | undefined): number {
  return (plan === undefined ? unknownBudgetMs : stopBudgetMs(plan)) + marginMs;
}

/** All grace periods, one wave after the other, within the plan's limit. */
function stopBudgetMs({ stopOrder, processes, stopTimeoutMs = Infinity }: Plan): number {
  const graces = stopOrder.map((wave) =>
    Math.max(0, ...processes.flatMap(({ name, stopGraceMs }) => (wave.includes(name) ? [stopGraceMs] : []))),
  );
  return Math.min(
    stopTimeoutMs,
    graces.reduce((sum, grace) => sum + grace, 0),
  );
}
