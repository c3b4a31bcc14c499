/** Polls something asynchronous, with a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

export async function eventually(what: string, look: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await look())) {
    if (Date.now() > end) throw new Error(`waited 60 s until ${what}`);
    await delay(50);
  }
}
