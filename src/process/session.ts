/** Ends all processes of one session that we started: SIGTERM, a while to obey, SIGKILL, until none is left. */
import { errorCode } from '../base/error-code.ts';
import type { Clock } from '../base/clock.ts';
import { livingProcesses } from './proc.ts';
import { killGraceMs } from './presence.ts';

export interface SessionEnd {
  /** Id of the session: the pid of the process that leads or led it. */
  readonly session: number;
  readonly graceMs: number;
  readonly clock: Clock;
  /** Aborts when SIGKILL shall come now. */
  readonly hurry: AbortSignal;
}

/** Returns the pids that are still there, none unless the kernel keeps them. */
export async function endSession({ session, graceMs, clock, hurry }: SessionEnd): Promise<number[]> {
  const deadline = clock.now() + graceMs;
  for (const pid of members(session)) signal(pid, 'SIGTERM');
  while (members(session).length > 0 && clock.now() < deadline && !hurry.aborted) await clock.sleep(10);
  const last = clock.now() + killGraceMs;
  for (let left = members(session); ; left = members(session)) {
    if (left.length === 0 || clock.now() > last) return left;
    for (const pid of left) signal(pid, 'SIGKILL');
    await clock.sleep(5);
  }
}

function members(session: number): number[] {
  return livingProcesses()
    .filter((stat) => stat.session === session)
    .map(({ pid }) => pid);
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}
