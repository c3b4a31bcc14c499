/** Lets one process at a time end what a dead supervisor left, so that nobody gets a second SIGTERM. */
import { systemClock } from '../../base/clock.ts';
import { isAlive, ownIdentity } from '../../process/identity.ts';
import { readStat } from '../../process/proc.ts';
import { type Claim, claim, unclaim } from '../../run/claim.ts';
import type { RunFiles } from '../../run/folders.ts';

export interface SoleReaper {
  /** Somebody else had his chance: what he left is ended without waiting. */
  readonly overdue: boolean;
  release(): void;
}

/**
 * Waits for another process that ends this run: up to `limitMs`, and not for one that is suspended. Ending matters more
 * than being alone: where the claim can neither be written nor read, nobody is waited for. Never throws.
 */
export async function soleReaper(files: RunFiles, runId: string, limitMs: number): Promise<SoleReaper> {
  const mine: Claim = { runId, holder: ownIdentity() };
  const deadline = systemClock.now() + limitMs;
  const alone = { overdue: false, release: () => quietly(() => unclaim(files.reaper, mine, isAlive)) };
  for (;;) {
    const other = claimed(files.reaper, mine);
    if (other === undefined || other.kind === 'unknown') return alone;
    const { holder } = other.claim;
    while (isAlive(holder)) {
      if (isSuspended(holder.pid) || systemClock.now() >= deadline)
        return { overdue: true, release: () => {} };
      await systemClock.sleep(10);
    }
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

function isSuspended(pid: number): boolean {
  return ['T', 't'].includes(readStat(pid)?.state ?? '');
}

/** For what is written only so that people can read it later. */
export function quietly(write: () => void): void {
  try {
    write();
  } catch {
    // The end of the run must not depend on it.
  }
}
