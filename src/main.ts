/** Entry of the command line in the package: `bin/dynamo.js` imports it. */
import { run } from './cli/program.ts';
import { commandLine } from './command-line.ts';

await commandLine(process.argv.slice(2), run);
