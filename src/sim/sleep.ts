/** A pause that an abort signal ends early, without an error. */
import { setTimeout as delay } from 'node:timers/promises';

export async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds > 0) await delay(milliseconds, undefined, { signal }).catch(() => {});
}
