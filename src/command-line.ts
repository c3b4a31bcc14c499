/** The process of the command line: the only place that exits. */
import { run } from './cli/program.ts';
import { watchReader } from './cli/reader.ts';

/** `words`: without node and script. */
export async function commandLine(words: readonly string[]): Promise<never> {
  watchReader();
  const exitCode = await run(words);
  // What was written gets out first; after that a forgotten handle does not keep us here.
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writable && stream.writableLength > 0) {
      await new Promise((resolve) => stream.write('', resolve));
    }
  }
  process.exit(exitCode);
}
