/** Bundles a program of test/support, with the code of src that it imports, into one file for plain Node. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { tempFolder } from './temp-folder.ts';

/** `name`: of the file, without its extension. Returns the path of the script, which is removed after the test. */
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
