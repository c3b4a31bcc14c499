/** What has become of a process that was written down: it runs, stands still, or is dead; and how it is signalled. */
import { errorCode } from '../base/error-code.ts';
import type { Identity } from '../base/identity.ts';
import { bootId } from './identity.ts';
import { isLiving, readStat } from './proc.ts';

/** What SIGKILL cannot end within this time is stuck in the kernel, in milliseconds. */
export const killGraceMs = 5_000;

/** `suspended`: stopped by SIGSTOP, Ctrl-Z or a debugger, until somebody sends SIGCONT. */
export type Presence = 'running' | 'suspended' | 'dead';

export function presenceOf(identity: Identity): Presence {
  if (identity.bootId !== bootId()) return 'dead';
  const stat = readStat(identity.pid);
  if (!isLiving(stat) || stat.startTime !== identity.startTime) return 'dead';
  // T: by a signal; t: by a debugger. Source: proc(5).
  return stat.state === 'T' || stat.state === 't' ? 'suspended' : 'running';
}

/** Looks at its identity right before. False when it is dead, or another user's. */
export function signalProven(identity: Identity, signal: NodeJS.Signals): boolean {
  if (presenceOf(identity) === 'dead') return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}
