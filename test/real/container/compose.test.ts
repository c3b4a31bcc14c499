/** Compose files of all shipped profiles, as the real Docker Compose reads them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { composeOf } from '../../support/compose-files.ts';
import { shipped, shippedNames } from '../../support/shipped-profiles.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** The plugin of Docker where there is one, else Debian's program. */
const plugin = spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status === 0;
const [program = '', ...first] = plugin ? ['docker', 'compose'] : ['docker-compose'];

function validate(text: string, variables: Readonly<Record<string, string>> = {}): string {
  const file = join(tempFolder(), 'compose.yaml');
  writeFileSync(file, text);
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/home/user', ...variables };
  return execFileSync(program, [...first, '-f', file, 'config'], { encoding: 'utf8', env });
}

test.each(await shippedNames())('%s', async (name) => {
  const seen = validate(composeOf(await shipped(name)));
  expect(seen).toContain('/home/user/.cache/huggingface');
  expect(seen).toMatch(/^ {2}frontend:$/m);
});

test('a secret comes from the shell, and without it nothing starts', async () => {
  const text = composeOf(await shipped('agg'), { env: { MY_TOKEN: 'word-of-mine' } });
  expect(() => validate(text)).toThrow(/DYNAMO_SECRET_MY_TOKEN|is a secret and not in this file/);
  expect(validate(text, { DYNAMO_SECRET_MY_TOKEN: 'said' })).toContain('MY_TOKEN: said');
});
