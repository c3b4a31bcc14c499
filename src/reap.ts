/** Entry of dist/reap.js, which a keeper keeps open and runs when its supervisor has died: one file that loads no other. */
import { configure } from './cli/reap.ts';
import { runOneOf } from './cli/run-verb.ts';
import { reapVerb } from './cli/verb.ts';
import { commandLine } from './command-line.ts';

// Preceded by Node, and by the word for a program on stdin.
const words = process.argv.slice(process.argv.indexOf('reap'));
await commandLine(
  words,
  async (given, environment) => await runOneOf([{ ...reapVerb, configure }], given, environment),
);
