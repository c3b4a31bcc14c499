/** `smoke` and `exec` on upstream's frontend and mocker: passed if supported, else skipped with the reason. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { test } from '../../e2e/harness/world.ts';
import { readXml } from '../../support/xml.ts';
import { pythons } from '../support/python.ts';
import { validateJunit } from '../support/junit.ts';

const timeout = 480_000;

interface Report {
  readonly passed: boolean;
  readonly suites: readonly {
    readonly name: string;
    readonly cases: readonly { readonly name: string; readonly state: string; readonly text: string }[];
  }[];
}

const environments = pythons('mocker');

async function mockerIn(python: string): Promise<string[]> {
  return ['--engine', 'mocker', '--python', python, '--set', `httpPort=${await freePort()}`];
}

const noText = (mode: string): string =>
  `The mocker engine does not support workers of mode ${mode}: it generates only text.`;
const blind = (name: string): string =>
  `${name} skipped: The mocker engine cannot run ${name}: it does not support images.`;

// All of them only with the newest, as they take a minute.
describe.each(environments.slice(-1))('$name', ({ python }) => {
  test('smoke --all', { timeout }, async ({ world }) => {
    const words = ['smoke', '--all', ...(await mockerIn(python)), '--json', '--junit', 'out.xml'];
    const { code, stdout, stderr } = await dynamo(world, words);
    const { passed, suites } = JSON.parse(stdout) as Report;
    const notPassed = suites.flatMap(({ name, cases }) =>
      cases.filter(({ state }) => state !== 'passed').map((each) => `${name} ${each.state}: ${each.text}`),
    );
    expect(notPassed, stderr).toEqual([
      `diffusion skipped: ${noText('image')}`,
      `diffusion_lm skipped: ${noText('diffusion-lm')}`,
      `embeddings skipped: ${noText('embedding')}`,
      blind('multimodal_disagg'),
      blind('multimodal_epd'),
      `video skipped: ${noText('video')}`,
      blind('vision'),
    ]);
    expect({ code, passed }).toEqual({ code: 0, passed: true });
    const report = join(world.work, 'out.xml');
    validateJunit(report);
    const video = readXml(readFileSync(report, 'utf8')).children.find(
      ({ attributes }) => attributes['name'] === 'video',
    );
    const [up] = video?.children.filter(({ name }) => name === 'testcase') ?? [];
    expect(up?.children.map(({ name, attributes }) => [name, attributes['message']])).toEqual([
      ['skipped', noText('video')],
    ]);
  });

  test('a profile named explicitly is not skipped', { timeout }, async ({ world }) => {
    const { code, stdout } = await dynamo(world, ['smoke', 'vision', ...(await mockerIn(python))]);
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: expect.stringMatching(/^up +failed .*does not support images/m),
    });
  });
});

describe.each(environments)('$name', ({ python }) => {
  test('smoke agg disagg', { timeout }, async ({ world }) => {
    const words = ['smoke', 'agg', 'disagg', ...(await mockerIn(python)), '--junit', 'out.xml'];
    const { stdout } = await succeed(world, words);
    expect(stdout).toMatch(/^agg +passed +1[23] +0 +[01] /m);
    expect(stdout).toMatch(/^disagg +passed +1[34] +0 +[01] /m);
    validateJunit(join(world.work, 'out.xml'));
  });

  test('exec: a chat with the variables of the command', { timeout }, async ({ world }) => {
    const script = `
      const { OPENAI_BASE_URL, OPENAI_MODEL, DYNAMO_ENGINE } = process.env;
      const response = await fetch(OPENAI_BASE_URL + '/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: OPENAI_MODEL, messages: [{ role: 'user', content: 'Hello!' }], max_tokens: 8 }),
      });
      console.log(DYNAMO_ENGINE, (await response.json()).usage.completion_tokens);
      process.exit(7);`;
    const command = ['node', '--input-type=module', '-e', script];
    const { code, stdout } = await dynamo(world, [
      'exec',
      'disagg',
      ...(await mockerIn(python)),
      '--',
      ...command,
    ]);
    expect({ code, stdout }).toEqual({ code: 7, stdout: 'mocker 8\n' });
    expect((await succeed(world, ['ps', '--json'])).stdout).toContain('"runs": []');
  });
});
