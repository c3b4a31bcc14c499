/** Polls for what a test expects, with a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

/** The first value of `look` that is neither undefined nor false. Throws after `deadlineMs`, naming what it waited for. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = 15_000,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await delay(5);
  }
}
