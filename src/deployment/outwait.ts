/** Waits for another process of ours that is at the same work, and ends it when it does not get on with it. */
import { systemClock } from '../base/clock.ts';
import type { Identity } from '../base/identity.ts';
import { presenceOf, signalProven } from '../process/identity.ts';

/** What SIGKILL cannot end within this time is stuck in the kernel. */
const killMs = 2_000;

/** `gone`: it ended by itself; `ended`: SIGKILL did that; `stuck`: not even SIGKILL. */
export type Outwaited = 'gone' | 'ended' | 'stuck';

/** One that is suspended is woken; after `patienceMs` it gets SIGKILL, each time with a look at its identity before. */
export async function outwait(other: Identity, patienceMs: number): Promise<Outwaited> {
  const patientUntil = systemClock.now() + patienceMs;
  const hopeUntil = patientUntil + killMs;
  let killed = false;
  for (let presence = presenceOf(other); presence !== 'dead'; presence = presenceOf(other)) {
    const now = systemClock.now();
    if (now > hopeUntil) return 'stuck';
    if (now >= patientUntil) killed = signalProven(other, 'SIGKILL') || killed;
    else if (presence === 'suspended') signalProven(other, 'SIGCONT');
    await systemClock.sleep(5);
  }
  return killed ? 'ended' : 'gone';
}
