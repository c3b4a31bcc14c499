/** Ends exactly one process that somebody pointed at: never another one that got its pid. */
import type { Clock } from '../base/clock.ts';
import { errorCode } from '../base/error-code.ts';
import type { Identity } from '../base/identity.ts';
import { isAlive } from './identity.ts';
import { killGraceMs } from './presence.ts';

export type EndOutcome = 'ended' | 'killed' | 'left' | 'not-allowed';

/** SIGTERM, `graceMs`, SIGKILL; its identity is looked at before every signal. */
export async function endOne(identity: Identity, graceMs: number, clock: Clock): Promise<EndOutcome> {
  const steps = [
    { signal: 'SIGTERM', waitMs: graceMs, outcome: 'ended' },
    { signal: 'SIGKILL', waitMs: killGraceMs, outcome: 'killed' },
  ] as const;
  for (const { signal, waitMs, outcome } of steps) {
    if (!isAlive(identity)) return 'ended';
    if (!mayBeSignalled(identity.pid, signal)) return 'not-allowed';
    const deadline = clock.now() + waitMs;
    while (isAlive(identity) && clock.now() < deadline) await clock.sleep(10);
    if (!isAlive(identity)) return outcome;
  }
  return 'left';
}

function mayBeSignalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EPERM') return false;
    if (errorCode(error) === 'ESRCH') return true;
    throw error;
  }
}
