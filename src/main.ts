/** Entry of the command line in the package: `bin/dynamo.js` imports it. */
import { commandLine } from './command-line.ts';

await commandLine(process.argv.slice(2));
