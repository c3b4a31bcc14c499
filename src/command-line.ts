/** The process of the command line: the only place that exits. */
import { run } from './cli/program.ts';
import { homedir } from 'node:os';
import { DynamoError } from './base/error.ts';
import { watchReader } from './cli/reader.ts';
import { report } from './cli/report.ts';

/** `words`: without node and script. */
export async function commandLine(words: readonly string[]): Promise<never> {
  watchReader();
  const exitCode = hasHome() ? await run(words) : report(noHome());
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
    return homedir() !== '';
  } catch {
    return false;
  }
}

function noHome(): DynamoError {
  return new DynamoError('environment', 'This user has no home folder: HOME is not set.', {
    hint: 'export HOME=/a/folder/that/you/can/write',
  });
}
