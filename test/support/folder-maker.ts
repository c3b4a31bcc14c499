/** A process that makes nested folders, one at each tick, for tests of races: FOLDER ROUNDS START-AT. Prints what failed. */
import { join } from 'node:path';
import { messageOf } from '../../src/base/error-code.ts';
import { makePrivate } from '../../src/run/folders.ts';

const tickMs = 3;
const [folder = '', rounds = '0', startAt = '0'] = process.argv.slice(2);
const failed: string[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const at = Number(startAt) + round * tickMs;
  while (Date.now() < at);
  try {
    makePrivate(join(folder, String(round), 'dynamo', 'runs'));
  } catch (error) {
    failed.push(messageOf(error));
  }
}
process.stdout.write(JSON.stringify(failed));
