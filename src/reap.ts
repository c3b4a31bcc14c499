/** Entry of dist/reap.js, which a keeper holds open to run when its supervisor is dead: one file that reads no other. */
import { configure } from './cli/clean/reap.ts';
import { report } from './cli/report.ts';
import { runVerb } from './cli/run-verb.ts';
import { verbs } from './cli/verbs.ts';
import { commandLine } from './command-line.ts';

/** Never throws. */
async function runReap([name, ...words]: readonly string[]): Promise<number> {
  try {
    const verb = verbs.find((each) => each.name === name);
    if (verb?.name !== 'reap') throw new Error(`${name} is not for this program`);
    return await runVerb(verb, configure, words);
  } catch (error) {
    return report(error);
  }
}

// Node stands before it, and the word for a program that comes through stdin.
await commandLine(process.argv.slice(process.argv.indexOf('reap')), runReap);
