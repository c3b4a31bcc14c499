// `npm run bench [name…]`: figures beside what they are compared with, measured in the same run. Asserts nothing.
import { cpus } from 'node:os';
import { help } from './help.js';
import { readiness } from './readiness.js';
import { up } from './up.js';

const benches = { help, up, readiness };
const asked = process.argv.slice(2);

console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}`);
for (const [name, bench] of Object.entries(benches)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  console.log(`\n${name}`);
  for (const [what, value] of Object.entries(await bench())) console.log(`  ${what.padEnd(24)} ${value}`);
}
