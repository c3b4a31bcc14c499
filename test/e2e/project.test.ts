/** A project with a dynamo.yaml: `dynamo init` writes it, plain `dynamo up` takes it, and `.env` beside it is read. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { dynamo, succeed } from './harness/cli.ts';
import type { Up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { test } from './harness/world.ts';

test('init, edit, up: the run has the name of the folder and the variables of .env', async ({ world }) => {
  const cwd = join(world.work, 'My Shop');
  mkdirSync(cwd);
  const said = await succeed(world, ['init', 'disagg', '--model', 'acme/model'], { cwd });
  expect(said.stderr).toBe(
    'wrote dynamo.yaml and dynamo.schema.json\nnext: dynamo up   # or first: dynamo plan\n',
  );
  const file = join(cwd, 'dynamo.yaml');
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(/^# yaml-language-server: \$schema=\.\/dynamo\.schema\.json\n/);
  expect(JSON.parse(readFileSync(join(cwd, 'dynamo.schema.json'), 'utf8'))).toHaveProperty('$schema');
  expect(parse(text)).toMatchObject({ extends: 'disagg', parameters: { model: { default: 'acme/model' } } });
  expect((await succeed(world, ['profiles', 'validate', './dynamo.yaml'], { cwd })).stdout).toMatch(
    /valid$/m,
  );
  // Every line that is a comment can be used.
  const whole = text
    .replaceAll(/^# (?=(parameters|components):|  )/gm, '')
    .replaceAll(/^parameters:\n/gm, '')
    .replace(/^extends: disagg$/m, 'extends: disagg\nparameters:')
    .replaceAll(/^ {2}\w+:\n {4}default: …\n/gm, '');
  writeFileSync(file, whole.replaceAll(/^#(?= {3})/gm, ' '));
  writeFileSync(join(cwd, '.env'), 'DYN_LOG=debug\nHF_TOKEN="hf_secret"\nDYN_HTTP_PORT=1\n');
  const env = { DYN_HTTP_PORT: String(await freePort()) };
  const brought = await succeed(world, ['up', '--detach', '--engine', 'sim', '--json'], { cwd, env });
  const up = JSON.parse(brought.stdout) as Up;
  expect(up.runId).toMatch(/^myshop-/);
  // What is set already wins.
  expect(up.url).toBe(`http://127.0.0.1:${env.DYN_HTTP_PORT}`);
  const plan = await succeed(world, ['plan', '--json'], { cwd, env });
  expect(plan.stdout).toContain('acme/model');
  const shown = await dynamo(world, ['plan'], { cwd, env });
  expect(shown.stderr).toMatch(/^read \.env: DYN_LOG, HF_TOKEN$/m);
  expect(shown.stdout + shown.stderr).not.toContain('hf_secret');
  await succeed(world, ['down']);
  expect((await dynamo(world, ['init'], { cwd })).stderr).toMatch(
    /there already\.\nfix: dynamo init agg --force/,
  );
});

test('--env-file is read instead of .env, and reaches a command', async ({ world }) => {
  writeFileSync(join(world.work, '.env'), 'A=project\nB=project\n');
  writeFileSync(join(world.work, 'one'), 'A=one\n');
  writeFileSync(join(world.work, 'two'), 'C=${A}-two\n');
  const line = ['exec', 'agg', '--engine', 'sim', '-q', '--env-file', 'one', '--env-file=two'];
  const env = { DYN_HTTP_PORT: String(await freePort()) };
  const print = ['--', 'sh', '-c', 'echo "$A/$B/$C"'];
  expect((await succeed(world, [...line, ...print], { env })).stdout).toBe('one//one-two\n');
  const missing = await dynamo(world, ['plan', 'agg', '--env-file', 'none']);
  // Node 20 reads the option as well, and ends with 9.
  expect([64, 9]).toContain(missing.code);
  expect(missing.stderr).toMatch(/none: (there is no such file|not found)/);
  writeFileSync(join(world.work, 'bad'), 'A=1\nnot a variable: $ecret\n');
  const bad = await dynamo(world, ['plan', 'agg', '--env-file', 'bad']);
  expect(bad).toMatchObject({ code: 64, stderr: expect.stringContaining('bad:2: ') });
  expect(bad.stderr).not.toContain('ecret');
  // Without a dynamo.yaml, this folder is no project.
  expect(existsSync(join(world.work, 'dynamo.yaml'))).toBe(false);
  expect((await succeed(world, ['plan', 'agg'])).stderr).not.toContain('.env');
});
