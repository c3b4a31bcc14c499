/** Entry of dist/reap.js, which a keeper holds open to run when its supervisor is dead: one file that reads no other. */
import { configure } from './cli/reap.ts';
import { runOneOf } from './cli/run-verb.ts';
import { reapVerb } from './cli/verb.ts';
import { commandLine } from './command-line.ts';

// Node stands before it, and the word for a program that comes through stdin.
const words = process.argv.slice(process.argv.indexOf('reap'));
await commandLine(
  words,
  async (given, environment) => await runOneOf([{ ...reapVerb, configure }], given, environment),
);
