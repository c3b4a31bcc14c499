/** A process that claims files, for tests of races: `once`, `race` or `contend`, then the arguments of that mode. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { isAlive, ownIdentity } from '../../src/process/identity.ts';
import { claim } from '../../src/run/claim.ts';

const [mode, ...args] = process.argv.slice(2);
const modes: Readonly<Record<string, (...words: string[]) => void | Promise<void>>> = { once, race, contend };
await modes[mode ?? '']?.(...args);

/** Claims a file in the name of `pid` and prints `won` or `lost`. */
function once(file = '', pid = '0', ...living: string[]): void {
  const mine = { runId: `run-${pid}`, holder: { bootId: 'this', pid: Number(pid), startTime: '1' } };
  const standing = claim(file, mine, (identity) => [pid, ...living].includes(String(identity.pid)));
  process.stdout.write(standing === undefined ? 'won' : 'lost');
}

/** Races other processes for files, one at each tick, and prints the numbers of those that it won. */
function race(folder = '', rounds = '0', startAt = '0', tickMs = '2'): void {
  const mine = { runId: `run-${process.pid}`, holder: { bootId: 'this', pid: process.pid, startTime: '1' } };
  const won: number[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    const at = Number(startAt) + round * Number(tickMs);
    while (Date.now() < at);
    const standing = claim(join(folder, String(round)), mine, ({ pid }) => existsSync(`/proc/${pid}`));
    if (standing === undefined) won.push(round);
  }
  process.stdout.write(`${JSON.stringify(won)}\n`);
  // Stays alive, because exiting would release its claims.
  process.stdin.resume().on('end', () => process.exit(0));
}

/** Keeps trying to claim a file that another process holds; prints `won` when it has it, and then keeps it. */
async function contend(file = ''): Promise<void> {
  const mine = { runId: `contender-${process.pid}`, holder: ownIdentity() };
  process.stdin.resume().on('end', () => process.exit(0));
  process.stdout.write('ready\n');
  while (!existsSync(file)) await setImmediate();
  while (claim(file, mine, isAlive) !== undefined) await setImmediate();
  process.stdout.write('won\n');
}
