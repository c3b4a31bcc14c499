/**
 * Entry of `up` and of the supervisor that it leaves in the background, in the package: `bin/dynamo.js` imports it for
 * these two. Their modules are imported here and not when they run: so they are one file after bundling, and reading a
 * file takes Node half a millisecond.
 */
import { runOneOf } from './cli/run-verb.ts';
import { configure as supervise } from './cli/supervise.ts';
import { configure as up } from './cli/up.ts';
import { superviseVerb, upVerb } from './cli/verb.ts';
import { commandLine } from './command-line.ts';

const verbs = [
  { ...upVerb, configure: up },
  { ...superviseVerb, configure: supervise },
];

await commandLine(
  process.argv.slice(2),
  async (words, environment) => await runOneOf(verbs, words, environment),
);
