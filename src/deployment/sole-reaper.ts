/** Lets one process at a time end what a dead supervisor left, so that nobody gets a second SIGTERM. */
import { isAlive, ownIdentity, presenceOf, signalProven } from '../process/identity.ts';
import { type Claim, claim, unclaim } from '../run/claim.ts';
import type { RunFiles } from '../run/folders.ts';
import { systemClock } from '../base/clock.ts';
import type { Identity } from '../base/identity.ts';
import type { Plan } from '../plan/plan.ts';

interface SoleReaper {
  /** Somebody else had his chance: what he left is ended without waiting. */
  readonly overdue: boolean;
  release(): void;
}

/**
 * Waits for another process that ends this run: it has `limitMs`, is woken where it is suspended, and ended when it does
 * not get on with it. Ending matters more than being alone: where the claim can neither be written nor read, and for one
 * that not even SIGKILL ends, nobody is waited for. Never throws.
 */
export async function soleReaper(files: RunFiles, runId: string, limitMs: number): Promise<SoleReaper> {
  const mine: Claim = { runId, holder: ownIdentity() };
  const release = (): void => quietly(() => unclaim(files.reaper, mine, isAlive));
  for (let overdue = false; ;) {
    const other = claimed(files.reaper, mine);
    if (other === undefined || other.kind === 'unknown') return { overdue, release };
    const { holder } = other.claim;
    if (holder.pid === mine.holder.pid) return { overdue, release };
    const outcome = await outwait(holder, limitMs);
    if (outcome === 'stuck') return { overdue: true, release: () => {} };
    overdue ||= outcome === 'ended';
  }
}

function claimed(file: string, mine: Claim): ReturnType<typeof claim> {
  try {
    return claim(file, mine, isAlive);
  } catch {
    // The folder is gone, or the disk full or read-only.
    return undefined;
  }
}

/** For what is written only so that people can read it later. */
export function quietly(write: () => void): void {
  try {
    write();
  } catch {
    // The end of the run must not depend on it.
  }
}

/** What SIGKILL cannot end within this time is stuck in the kernel. */
const killMs = 2_000;

/** `gone`: it ended by itself; `ended`: SIGKILL did that; `stuck`: not even SIGKILL. */
type Outwaited = 'gone' | 'ended' | 'stuck';

/** One that is suspended is woken; after `patienceMs` it gets SIGKILL, each time with a look at its identity before. */
export async function outwait(other: Identity, patienceMs: number): Promise<Outwaited> {
  const patientUntil = systemClock.now() + patienceMs;
  const hopeUntil = patientUntil + killMs;
  let killed = false;
  for (let presence = presenceOf(other); presence !== 'dead'; presence = presenceOf(other)) {
    const now = systemClock.now();
    if (now > hopeUntil) return 'stuck';
    if (now >= patientUntil) killed = signalProven(other, 'SIGKILL') || killed;
    else if (presence === 'suspended') signalProven(other, 'SIGCONT');
    await systemClock.sleep(5);
  }
  return killed ? 'ended' : 'gone';
}

/** `down --now`: for an answer, and for the end that was promised. */
export const immediateLimitMs = 2_000;
/** Of a run whose plan cannot be read. */
const unknownBudgetMs = 60_000;
/** Beyond the graces: SIGKILL and its proof, containers, keys in an etcd of others. */
const marginMs = 15_000;

/** In milliseconds, from the request to the end of the supervisor. */
export function stopLimitMs(plan: Plan | undefined): number {
  return (plan === undefined ? unknownBudgetMs : stopBudgetMs(plan)) + marginMs;
}

/** All graces, one wave after the other, within the plan's cap. */
function stopBudgetMs({ stopOrder, processes, stopTimeoutMs = Infinity }: Plan): number {
  const graces = stopOrder.map((wave) =>
    Math.max(0, ...processes.flatMap(({ name, stopGraceMs }) => (wave.includes(name) ? [stopGraceMs] : []))),
  );
  return Math.min(
    stopTimeoutMs,
    graces.reduce((sum, grace) => sum + grace, 0),
  );
}
