/** Lets one process at a time end what a dead supervisor left, so that nobody gets a second SIGTERM. */
import { isAlive, ownIdentity } from '../process/identity.ts';
import { type Claim, claim, unclaim } from '../run/claim.ts';
import type { RunFiles } from '../run/folders.ts';
import { outwait } from './outwait.ts';

export interface SoleReaper {
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
