/** Races other processes for files: at each tick all claim the next one. Prints the numbers of those that it won. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { claim } from '../../src/run/claim.ts';

const [folder = '', rounds = '0', startAt = '0', tickMs = '2'] = process.argv.slice(2);
const mine = { runId: `run-${process.pid}`, holder: { bootId: 'this', pid: process.pid, startTime: '1' } };
const won: number[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const at = Number(startAt) + round * Number(tickMs);
  while (Date.now() < at);
  const standing = claim(join(folder, String(round)), mine, ({ pid }) => existsSync(`/proc/${pid}`));
  if (standing === undefined) won.push(round);
}
process.stdout.write(`${JSON.stringify(won)}\n`);
// Stays, as who ends gives up what it holds.
process.stdin.resume().on('end', () => process.exit(0));
