/** Compose files: the same as the plan of `up --runtime docker`, written down for hosts without this tool. */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { composeOf } from '../../support/compose-files.ts';
import { shipped, shippedNames } from '../../support/shipped-profiles.ts';

interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly configs?: Readonly<Record<string, { readonly content: string }>>;
}

interface Service {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | null>>;
  readonly volumes: readonly string[];
  readonly depends_on?: unknown;
  readonly user?: string;
  readonly network_mode?: string;
  readonly deploy?: {
    readonly resources: {
      readonly reservations: { readonly devices: readonly { readonly device_ids: readonly string[] }[] };
    };
  };
}

const read = (text: string): ComposeFile => parse(text, { merge: true }) as ComposeFile;

function ids(text: string): (readonly string[])[] {
  return Object.values(read(text).services).flatMap(({ deploy }) =>
    (deploy?.resources.reservations.devices ?? []).map(({ device_ids }) => device_ids),
  );
}

/** `vitest --update` writes them again. */
test.each(['agg', 'disagg_router', 'diffusion'])('%s', async (name) => {
  await expect(composeOf(await shipped(name))).toMatchFileSnapshot(`../../fixtures/compose/${name}.yaml`);
});

test.each(await shippedNames())(
  '%s: one service a process, none with a place of this machine',
  async (name) => {
    const text = composeOf(await shipped(name));
    expect(text).not.toMatch(/\/home\/user|\0|DYNAMO_RUN_ID/);
    const { services } = read(text);
    expect(Object.keys(services)).toContain('frontend');
    for (const { network_mode, user, command } of Object.values(services))
      expect({ network_mode, user, python: command[0] }).toEqual({
        network_mode: 'host',
        user: '1000:1000',
        python: 'python3',
      });
  },
);

test('each worker has GPUs of its own, and the same where two share one', async () => {
  expect(ids(composeOf(await shipped('disagg_router')))).toEqual([['0'], ['1'], ['2'], ['3']]);
  expect(ids(composeOf(await shipped('disagg_same_gpu')))).toEqual([['0'], ['0']]);
  expect(ids(composeOf(await shipped('disagg'), { gpus: ['4', '6'] }))).toEqual([['4'], ['6']]);
});

test('order is kept: decode waits until prefill is healthy', async () => {
  expect(read(composeOf(await shipped('disagg_same_gpu'))).services['decode']?.depends_on).toEqual({
    prefill: { condition: 'service_healthy' },
  });
});

test('etcd and NATS come with their settings, and nobody waits for a check that they do not have', async () => {
  const { services, configs } = read(composeOf(await shipped('agg'), { discovery: 'etcd', events: 'nats' }));
  expect(Object.keys(services)).toEqual(['etcd', 'nats', 'frontend', 'worker']);
  expect(configs?.['nats.conf']?.content).toContain('jetstream');
  expect(services['frontend']?.depends_on).toEqual({
    etcd: { condition: 'service_started' },
    nats: { condition: 'service_started' },
  });
});

test('a secret is asked of the shell, and a dollar stays one', async () => {
  const text = composeOf(await shipped('agg'), {
    env: { MY_TOKEN: 'word-of-mine', DYN_NOTE: 'costs $5' },
    rawArgs: ['--api-key', 'word-of-mine'],
  });
  expect(text).not.toContain('word-of-mine');
  const { environment, command } = read(text).services['worker'] as Service;
  expect(environment['MY_TOKEN']).toBe('${DYNAMO_SECRET_MY_TOKEN:?is a secret and not in this file}');
  expect(command.at(-1)).toMatch(/^\$\{DYNAMO_SECRET_API_KEY:\?/);
  expect(environment['DYN_NOTE']).toBe('costs $$5');
});

test('engines that are no part of the image are refused', async () => {
  const profile = await shipped('agg');
  for (const engine of ['sim', 'mocker'] as const)
    expect(() => composeOf(profile, { engine })).toThrow('--compose');
});
