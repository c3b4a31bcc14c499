/** Modules of Node that the bundle loads when they are first used. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type InputOptions, rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { tempFolder } from '../../support/temp-folder.ts';

const source = `
import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
const loaded = (name) => process.moduleLoadList.includes('NativeModule ' + name);
const before = loaded('crypto');
console.log(JSON.stringify({
  before,
  hash: createHash('sha256').update('').digest('hex').slice(0, 8),
  certificate: new X509Certificate(process.getBuiltinModule('node:tls').rootCertificates[0]) instanceof process.getBuiltinModule('node:crypto').X509Certificate,
  ip: isIP('::1'),
  text: (await readFile(new URL(import.meta.url), 'utf8')).length > 0,
  after: loaded('crypto'),
}));
`;

test('functions and classes work, and load their module when they are first used', async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'source.js'), source);
  const script = new URL('../../../scripts/bundle-options.js', import.meta.url).href;
  const { packageOptions } = (await import(script)) as { packageOptions: InputOptions };
  const made = await rolldown({ ...packageOptions, input: join(folder, 'source.js') });
  await made.write({ dir: folder, entryFileNames: 'made.mjs', chunkFileNames: '[name].mjs', format: 'esm' });
  await made.close();
  const out = execFileSync(process.execPath, [join(folder, 'made.mjs')], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  expect(JSON.parse(out)).toEqual({
    before: false,
    hash: 'e3b0c442',
    certificate: true,
    ip: 6,
    text: true,
    after: true,
  });
});
