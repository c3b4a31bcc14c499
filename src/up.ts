/** Entry of `up` and its supervisor in the package: `bin/dynamo.js` imports it for these two. */
import { runUp } from './cli/up-program.ts';
import { commandLine } from './command-line.ts';

await commandLine(process.argv.slice(2), runUp);
