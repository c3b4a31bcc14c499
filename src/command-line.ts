/** The process of the command line: the only place that exits. */
import { homedir } from 'node:os';
import type { Environment } from './base/environment.ts';
import { watchReader } from './cli/reader.ts';
import { heedNohup } from './cli/signals.ts';

/** `words`: without node and script. `run` answers the exit code and never throws. */
export async function commandLine(
  words: readonly string[],
  run: (words: readonly string[], environment: Environment) => Promise<number>,
): Promise<never> {
  // Here it is read, and nowhere else: from here on it is a value.
  const environment = { ...process.env };
  watchReader();
  heedNohup(environment);
  const exitCode = hasHome() ? await run(words, environment) : await tellNoHome(environment);
  // What was written gets out first; after that a forgotten handle does not keep us here.
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writable && stream.writableLength > 0) {
      await new Promise((resolve) => stream.write('', resolve));
    }
  }
  process.exit(exitCode);
}

/** Containers run as users that have no entry in the table of users, and no HOME: then Node knows no folder of theirs. */
function hasHome(): boolean {
  try {
    // The working folder must not decide which runs there are.
    return homedir().startsWith('/');
  } catch {
    return false;
  }
}

/** What tells errors is loaded when there is one: most starts have none. */
async function tellNoHome(environment: Environment): Promise<number> {
  const home = environment['HOME'];
  const [{ report }, { DynamoError }] = await Promise.all([
    import('./cli/report.ts'),
    import('./base/error.ts'),
  ]);
  return report(
    new DynamoError(
      'environment',
      `This user has no home folder: HOME is ${home ? `the relative path ${home}` : 'not set'}.`,
      {
        hint: 'export HOME=/a/folder/that/you/can/write',
      },
    ),
    environment,
  );
}
