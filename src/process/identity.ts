/** Identifies a process beyond its pid, which is reused; says whether it is running, suspended or dead; sends it signals. */
import { existsSync, readFileSync } from 'node:fs';
import { errorCode, messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import type { Identity } from '../base/identity.ts';
import { isLiving, procTrouble, readStat } from './proc.ts';

let thisBoot: string | undefined;

/** Throws `environment` if /proc cannot be read. */
export function bootId(): string {
  thisBoot ??= readBoot();
  return thisBoot;
}

function readBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch (cause) {
    const { words, fix } = procTrouble() ?? { words: `/proc: ${messageOf(cause)}`, fix: 'ls /proc' };
    throw new DynamoError('environment', `${words}.`, { hint: fix, cause });
  }
}

export function identify(pid: number): Identity | undefined {
  const stat = readStat(pid);
  return stat && { bootId: bootId(), pid, startTime: stat.startTime };
}

/** The identity of this process. Throws `environment` if /proc cannot be read. */
export function ownIdentity(): Identity {
  const own = identify(process.pid);
  if (own !== undefined) return own;
  const { words, fix } = procTrouble() ?? { words: '/proc does not show this process', fix: 'ls /proc/self' };
  throw new DynamoError('environment', `${words}.`, { hint: fix });
}

export function isAlive(identity: Identity): boolean {
  // Most are dead, in a list of runs: the error of a file that is not there takes ten times as long as this look.
  if (identity.bootId !== bootId() || !existsSync(`/proc/${identity.pid}`)) return false;
  const stat = readStat(identity.pid);
  return isLiving(stat) && stat.startTime === identity.startTime;
}

/** A process that SIGKILL does not end within this time is stuck in the kernel, in milliseconds. */
export const killGraceMs = 5_000;

/** `suspended`: stopped by SIGSTOP, Ctrl-Z or a debugger, until it receives SIGCONT. */
export type Presence = 'running' | 'suspended' | 'dead';

export function presenceOf(identity: Identity): Presence {
  if (identity.bootId !== bootId()) return 'dead';
  const stat = readStat(identity.pid);
  if (!isLiving(stat) || stat.startTime !== identity.startTime) return 'dead';
  // T: by a signal; t: by a debugger. Source: proc(5).
  return stat.state === 'T' || stat.state === 't' ? 'suspended' : 'running';
}

/** Checks the identity right before. False if the process is dead or belongs to another user. */
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
