/** Ends one process, or all processes of one session: SIGTERM, a grace period, SIGKILL, until none is left. */
import type { Clock } from '../base/clock.ts';
import { errorCode } from '../base/error-code.ts';
import type { Identity } from '../base/identity.ts';
import { isAlive, killGraceMs } from './identity.ts';
import { livingProcesses } from './proc.ts';

type EndOutcome = 'ended' | 'killed' | 'left' | 'not-allowed';

/** SIGTERM, `graceMs`, SIGKILL. The identity is checked before every signal, so that no process that reused the pid is hit. */
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

interface SessionEnd {
  /** Id of the session: the pid of the process that leads or led it. */
  readonly session: number;
  readonly graceMs: number;
  readonly clock: Clock;
  /** Aborts to send SIGKILL now. */
  readonly forceSignal: AbortSignal;
}

/** Returns the pids that are still running: none, unless the kernel cannot end them. */
export async function endSession({ session, graceMs, clock, forceSignal }: SessionEnd): Promise<number[]> {
  const deadline = clock.now() + graceMs;
  for (const pid of members(session)) signalOne(pid, 'SIGTERM');
  while (members(session).length > 0 && clock.now() < deadline && !forceSignal.aborted) await clock.sleep(10);
  const last = clock.now() + killGraceMs;
  for (let left = members(session); ; left = members(session)) {
    if (left.length === 0 || clock.now() > last) return left;
    for (const pid of left) signalOne(pid, 'SIGKILL');
    await clock.sleep(5);
  }
}

function members(session: number): number[] {
  return livingProcesses()
    .filter((stat) => stat.session === session)
    .map(({ pid }) => pid);
}

function signalOne(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}
