/** Entry of the single-file executable: the command line, or the embedded engine when a run starts it as one. */
import { simWord } from './package/self.ts';

async function start(): Promise<never> {
  if (process.argv[2] === simWord) {
    const { simProcess } = await import('./sim/process.ts');
    return await simProcess(process.argv.slice(3));
  }
  const [{ commandLine }, { run }] = await Promise.all([
    import('./command-line.ts'),
    import('./cli/program.ts'),
  ]);
  return await commandLine(process.argv.slice(2), run);
}

void start();
