/** A program of test/support as one file that plain Node runs, with the code of the product that it imports. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { tempFolder } from './temp-folder.ts';

/** `name`: of the file, without its ending. Returns the path of the script, which goes with the test. */
export function bundledScript(name: string): string {
  const { outputFiles } = buildSync({
    entryPoints: [`test/support/${name}.ts`],
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
  });
  const script = join(tempFolder(), `${name}.mjs`);
  writeFileSync(script, outputFiles[0]?.text ?? '');
  return script;
}
