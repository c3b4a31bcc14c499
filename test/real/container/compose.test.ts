/** Compose files of all shipped profiles, as the real Docker Compose reads them; and one that it starts, with real software. */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readEnvironment } from '../../../src/python/read-environment.ts';
import { packageFolder, succeed } from '../../e2e/harness/cli.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { test } from '../../e2e/harness/world.ts';
import { composeOf } from '../../support/compose-files.ts';
import { shipped, shippedNames } from '../../support/shipped-profiles.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';
import { startDocker } from '../support/docker.ts';
import { daemonOfFile } from '../support/file-daemon.ts';
import { pythonFolders } from '../support/python.ts';
import { importPython } from '../support/python-image.ts';

const [environment = ''] = pythonFolders('mocker');
const { dynamo: version } = readEnvironment(environment, 'python3', undefined);
const image = `dynamo-mocker:${version}`;
const daemon = daemonOfFile(startDocker, async (one) => await importPython(one, environment, image));

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

test(
  'disagg of the mocker, started and ended by compose alone: answers, and leaves nothing',
  { timeout: 600_000 },
  async ({ world }) => {
    const port = await freePort();
    const model = join(packageFolder, 'assets', 'tokenizer');
    const words = ['plan', 'disagg', '--compose', '--engine', 'mocker', '--model', model, '--image', image];
    const { stdout } = await succeed(world, [...words, '--http-port', String(port)]);
    const file = join(world.work, 'compose.yaml');
    writeFileSync(file, stdout);
    const compose = (...verb: string[]): string =>
      execFileSync(program, [...first, '-p', 'composed', '-f', file, ...verb], {
        encoding: 'utf8',
        env: { ...world.env, ...daemon().env, PATH: process.env['PATH'] ?? '' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    compose('up', '-d');
    const url = `http://127.0.0.1:${port}/v1`;
    const ask = async (): Promise<Response | undefined> =>
      await fetch(`${url}/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }], max_tokens: 4 }),
      }).catch(() => undefined);
    await until('a chat request is answered', async () => (await ask())?.status === 200, 120_000);
    const answer = (await (await ask())?.json()) as { usage: { completion_tokens: number } };
    expect(answer.usage.completion_tokens).toBe(4);
    await until('all are healthy', () => (compose('ps').match(/\(healthy\)/g) ?? []).length === 3, 60_000);
    compose('down', '-v');
    expect(await daemon().everything()).toEqual([]);
  },
);
