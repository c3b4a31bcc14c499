/** Tries without pause to claim a file that somebody holds; prints `won` when it has it, and then keeps it. */
import { existsSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { isAlive, ownIdentity } from '../../src/process/identity.ts';
import { claim } from '../../src/run/claim.ts';

const [file = ''] = process.argv.slice(2);
const mine = { runId: `contender-${process.pid}`, holder: ownIdentity() };
process.stdin.resume().on('end', () => process.exit(0));
process.stdout.write('ready\n');
while (!existsSync(file)) await setImmediate();
while (claim(file, mine, isAlive) !== undefined) await setImmediate();
process.stdout.write('won\n');
