/** What processes get from the caller's environment: no secrets on disk, no inherited settings, no local proxy. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { environmentOf } from '../oracle/proc.ts';
import { dynamo, succeed } from './harness/cli.ts';
import { pidOf, textBelow, up } from './harness/deployment.ts';
import { test } from './harness/world.ts';

test('a secret reaches the worker and is in no file and no output', async ({ world }) => {
  const secret = 'hf_e2eSecretThatNobodyShallSee';
  const { notes } = await up(world, 'agg', ['--env', `HF_TOKEN=${secret}`, '--env', 'COLOUR=blue']);
  const environment = environmentOf(await pidOf(world, 'worker'));
  expect(environment.get('HF_TOKEN')).toBe(secret);
  expect(environment.get('COLOUR')).toBe('blue');
  const plan = await succeed(world, ['plan', 'agg', '--engine', 'sim', '--env', `HF_TOKEN=${secret}`]);
  const script = await succeed(world, [
    'plan',
    'agg',
    '--engine',
    'sim',
    '--shell',
    '--env',
    `HF_TOKEN=${secret}`,
  ]);
  const shown = [notes, plan.stdout, plan.stderr, script.stdout];
  for (const words of [['ps'], ['ps', '--json'], ['logs'], ['down']]) {
    const { stdout, stderr } = await succeed(world, words);
    shown.push(stdout, stderr);
  }
  expect(shown.join('\n')).not.toContain(secret);
  expect(textBelow(world.state)).toContain('COLOUR');
  expect(textBelow(world.state)).not.toContain(secret);
});

test('an inherited secret reaches the worker too, and no file', async ({ world }) => {
  const secret = 'hf_inheritedSecret';
  await up(world, 'agg', [], { env: { HF_TOKEN: secret } });
  expect(environmentOf(await pidOf(world, 'worker')).get('HF_TOKEN')).toBe(secret);
  await succeed(world, ['down']);
  expect(textBelow(world.state)).not.toContain(secret);
});

const leaked = {
  DYN_SYSTEM_PORT: '9999',
  DYN_NAMESPACE: 'theirs',
  DYN_HTTP_HOST: '0.0.0.0',
  NATS_SERVER: 'nats://nowhere:4222',
  ETCD_ENDPOINTS: 'http://nowhere:2379',
};

test('inherited variables that would change the deployment are removed and listed', async ({ world }) => {
  const plan = await succeed(world, ['plan', 'disagg', '--engine', 'sim', '--json'], { env: leaked });
  expect((JSON.parse(plan.stdout) as { scrubbed: string[] }).scrubbed).toEqual(
    Object.keys(leaked).toSorted(),
  );
  const { notes, processes } = await up(world, 'disagg', [], { env: { ...leaked, DYN_LOG: 'debug' } });
  for (const name of Object.keys(leaked)) expect(notes).toContain(name);
  const environment = environmentOf(await pidOf(world, 'decode'));
  expect(environment.get('DYN_SYSTEM_PORT')).toBe(
    String(processes.find(({ name }) => name === 'decode')?.ports['system']),
  );
  expect(environment.get('DYN_NAMESPACE')).toBe('dynamo');
  expect(environment.get('DYN_LOG')).toBe('debug');
  for (const name of ['NATS_SERVER', 'ETCD_ENDPOINTS', 'DYN_HTTP_HOST'])
    expect(environment.has(name)).toBe(false);
  await succeed(world, ['down']);
});

test('a dead proxy has no effect', async ({ world }) => {
  const proxy = 'http://127.0.0.1:9';
  const names = ['http_proxy', 'https_proxy', 'all_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'];
  const env = {
    ...Object.fromEntries(names.map((name) => [name, proxy])),
    NODE_USE_ENV_PROXY: '1',
    NO_PROXY: 'intern',
  };
  await up(world, 'disagg', [], { env });
  const environment = environmentOf(await pidOf(world, 'decode'));
  expect(environment.get('NO_PROXY')).toMatch(/^intern,.*127\.0\.0\.1/);
  await succeed(world, ['down'], { env });
});

test('a read-only state folder exits with 73 and a fix', async ({ world }) => {
  const file = join(world.work, 'a-file');
  writeFileSync(file, '');
  const env = { XDG_STATE_HOME: join(file, 'state') };
  const { code, stderr } = await dynamo(world, ['up', 'agg', '--engine', 'sim'], { env });
  expect(code).toBe(73);
  expect(stderr).toContain('XDG_STATE_HOME');
});
