/** The process of the command line: the only place that exits. */
import { homedir } from 'node:os';
import type { Environment } from './base/environment.ts';
import { watchReader } from './cli/reader.ts';
import { respectNohup } from './cli/signals.ts';

/** `words`: the command line without node and script. `run` returns the exit code and never throws. */
export async function commandLine(
  words: readonly string[],
  run: (words: readonly string[], environment: Environment) => Promise<number>,
): Promise<never> {
  // Here it is read, and nowhere else: from here on it is a value.
  const environment = { ...process.env };
  watchReader();
  respectNohup(environment);
  const exitCode = hasHome() ? await run(words, environment) : await reportNoHome(environment);
  // Flush the output, then exit: a handle that was left open must not keep the process alive.
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writable && stream.writableLength > 0) {
      await new Promise((resolve) => stream.write('', resolve));
    }
  }
  process.exit(exitCode);
}

/** In a container, the user may have neither HOME nor an entry in /etc/passwd: then Node knows no home folder. */
function hasHome(): boolean {
  try {
    // With a relative path, the working folder would decide which runs exist.
    return homedir().startsWith('/');
  } catch {
    return false;
  }
}

/** Error reporting is loaded only here: most starts need none. */
async function reportNoHome(environment: Environment): Promise<number> {
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
        fields: { variable: 'HOME' },
      },
    ),
    environment,
  );
}
