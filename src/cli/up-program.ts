/**
 * The command line of `up` and of the supervisor that it leaves in the background. All that they need is imported here
 * and not when it is asked for: so it is one file after bundling, and reading a file takes Node half a millisecond.
 */
import { report } from './report.ts';
import { runVerb } from './run-verb.ts';
import { configure as up } from './up.ts';
import { configure as supervise } from './up/supervise.ts';
import { verbs, type Configure, type VerbName } from './verbs.ts';

const configures: Readonly<Partial<Record<VerbName, Configure>>> = { up, supervise };

/** Runs a command line that begins with one of the two verbs and returns the exit code. Never throws. */
export async function runUp([name, ...words]: readonly string[]): Promise<number> {
  try {
    const verb = verbs.find((each) => each.name === name);
    const configure = verb === undefined ? undefined : configures[verb.name];
    if (verb === undefined || configure === undefined) throw new Error(`${name} is not for this program`);
    return await runVerb(verb, configure, words);
  } catch (error) {
    return report(error);
  }
}
