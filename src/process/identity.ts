/** Tells one process from every other that ever had its pid. */
import { readFileSync } from 'node:fs';
import { messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import type { Identity } from '../base/identity.ts';
import { isLiving, readStat } from './proc.ts';
import { procTrouble } from './proc-view.ts';

let thisBoot: string | undefined;

/** Throws `environment` where /proc does not tell. */
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

/** Of this process. Throws `environment` where nobody can tell. */
export function ownIdentity(): Identity {
  const own = identify(process.pid);
  if (own !== undefined) return own;
  const { words, fix } = procTrouble() ?? { words: '/proc does not show this process', fix: 'ls /proc/self' };
  throw new DynamoError('environment', `${words}.`, { hint: fix });
}

export function isAlive(identity: Identity): boolean {
  if (identity.bootId !== bootId()) return false;
  const stat = readStat(identity.pid);
  return isLiving(stat) && stat.startTime === identity.startTime;
}
