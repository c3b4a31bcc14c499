/** Claims a file once, in the name of the pid that it is given, and prints `won` or `lost`. */
import { claim } from '../../src/run/claim.ts';

const [file = '', pid = '0', ...living] = process.argv.slice(2);
const mine = { runId: `run-${pid}`, holder: { bootId: 'this', pid: Number(pid), startTime: '1' } };
const standing = claim(file, mine, (identity) => [pid, ...living].includes(String(identity.pid)));
process.stdout.write(standing === undefined ? 'won' : 'lost');
