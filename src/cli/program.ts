/** The command line: answers the two shortest questions itself, and turns every way out into an exit code. */
import { rootHelp } from './root-help.ts';
import { version } from '../package/self.ts';

/** Runs one command line (without node and script) and returns the exit code. Never throws. */
export async function run(words: readonly string[]): Promise<number> {
  const [first, ...rest] = words;
  const tells = first === undefined && process.platform !== 'linux';
  if (tells || (first !== undefined && rest.length === 0 && ['--help', '-h', 'help'].includes(first))) {
    process.stdout.write(`${rootHelp()}\n`);
    return 0;
  }
  if (rest.length === 0 && ['--version', '-V'].includes(first ?? '')) {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  try {
    if (first === undefined) {
      const { showFirstLook } = await import('./first-look.ts');
      return await showFirstLook();
    }
    const { parse } = await import('./parse.ts');
    return await parse(words);
  } catch (error) {
    const { report } = await import('./report.ts');
    return report(error);
  }
}
