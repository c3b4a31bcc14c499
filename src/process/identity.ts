/** Tells one process from every other that ever had its pid. */
import { readFileSync } from 'node:fs';
import { DynamoError } from '../base/error.ts';
import type { Identity } from '../base/identity.ts';
import { isLiving, readStat } from './proc.ts';

let thisBoot: string | undefined;

export function bootId(): string {
  thisBoot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return thisBoot;
}

export function identify(pid: number): Identity | undefined {
  const stat = readStat(pid);
  return stat && { bootId: bootId(), pid, startTime: stat.startTime };
}

/** Of this process. Throws `environment` where nobody can tell. */
export function ownIdentity(): Identity {
  const own = identify(process.pid);
  if (own !== undefined) return own;
  throw new DynamoError('environment', '/proc is not mounted: processes cannot be told apart.');
}

export function isAlive(identity: Identity): boolean {
  if (identity.bootId !== bootId()) return false;
  const stat = readStat(identity.pid);
  return isLiving(stat) && stat.startTime === identity.startTime;
}
