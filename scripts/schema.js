// Writes launch-profiles/profile.schema.json from src/profile/schema.ts; `--check` fails if it is stale.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = `${root}launch-profiles/profile.schema.json`;

const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: ['src/profile/json-schema.ts'],
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  write: false,
  logLevel: 'warning',
});
const code = Buffer.from(outputFiles[0].contents).toString('base64');
const { profileJsonSchema } = await import(`data:text/javascript;base64,${code}`);

const expected = `${JSON.stringify(profileJsonSchema(), null, 2)}\n`;
const present = await readFile(target, 'utf8').catch(() => '');
if (!process.argv.includes('--check')) {
  await writeFile(target, expected);
} else if (expected !== present) {
  console.error('launch-profiles/profile.schema.json is stale: run node scripts/schema.js');
  process.exitCode = 1;
}
