/** Asks an etcd for its alarms, which it raises by itself and which people take back. */
import type { Environment } from '../base/environment.ts';
import { firstAnswering } from './etcd-session.ts';

export type Alarm = 'NOSPACE' | 'CORRUPT';

/** Reads only. Rejects when nobody answers, or does not let us. */
export async function hasAlarm(
  wanted: Alarm,
  addresses: readonly string[],
  environment: Environment,
): Promise<boolean> {
  const { session } = await firstAnswering(addresses, environment);
  const { alarms } = await session.call('maintenance/alarm', { action: 'GET' });
  const given: readonly unknown[] = Array.isArray(alarms) ? alarms : [];
  return given.some(
    (each) => typeof each === 'object' && each !== null && 'alarm' in each && each.alarm === wanted,
  );
}
