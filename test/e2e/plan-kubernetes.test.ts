/** `dynamo plan --on kubernetes`: a manifest that a pipe can take, or the line of the profile that is in the way. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { dynamo, succeed } from './harness/cli.ts';
import { test } from './harness/world.ts';

const target = ['--on', 'kubernetes'];

test('YAML with its reasons, and the same as JSON: nothing else on stdout, nothing on stderr', async ({
  world,
}) => {
  const words = [
    'plan',
    'disagg',
    ...target,
    '--namespace',
    'serving',
    '--hf-secret',
    'hf',
    '--model-cache',
    'models',
  ];
  const yaml = await succeed(world, words);
  expect(yaml.stderr).toBe('');
  expect(yaml.stdout).toMatch(/^# image +nvcr\.io\S+:\d+\.\d+\.\d+: /m);
  const manifest = parse(yaml.stdout);
  expect(manifest).toMatchObject({
    apiVersion: 'nvidia.com/v1beta1',
    kind: 'DynamoGraphDeployment',
    metadata: {
      name: 'disagg',
      namespace: 'serving',
      labels: { 'app.kubernetes.io/managed-by': 'dynamo', 'dynamo.run/name': 'disagg' },
    },
  });
  const json = await succeed(world, [...words, '--json']);
  expect(JSON.parse(json.stdout)).toEqual(manifest);
});

test('needs neither Python nor GPU nor cluster, and makes no folder', async ({ world }) => {
  const { stdout } = await succeed(world, ['plan', 'agg', ...target], {
    env: { PATH: '/nowhere', KUBECONFIG: '/nowhere' },
  });
  expect(stdout).toContain('kind: DynamoGraphDeployment');
});

test('the older version of the API, another image, a version that its tag does not say', async ({
  world,
}) => {
  const old = await succeed(world, ['plan', 'agg', ...target, '--api-version', 'v1alpha1', '--json']);
  expect(JSON.parse(old.stdout)).toMatchObject({
    apiVersion: 'nvidia.com/v1alpha1',
    spec: { services: { worker: { resources: { limits: { gpu: '1' } } } } },
  });
  const image = 'registry.example/sglang:latest';
  const untold = await dynamo(world, ['plan', 'agg', ...target, '--image', image]);
  expect(untold.code).toBe(64);
  expect(untold.stderr).toContain(`The version of Dynamo in ${image} is unknown`);
  const told = await succeed(world, [
    'plan',
    'agg',
    ...target,
    '--image',
    image,
    '--dynamo-version',
    '1.6.1',
  ]);
  expect(parse(told.stdout)).toMatchObject({
    spec: {
      components: [
        { runtimeVersionOverride: '1.6.1', podTemplate: { spec: { containers: [{ name: 'main', image }] } } },
        { runtimeVersionOverride: '1.6.1' },
      ],
    },
  });
});

test('what has no meaning there is refused at its line, each with a way on', async ({ world }) => {
  const folder = join(world.work, 'launch-profiles');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'mine.yaml'),
    [
      'extends: disagg',
      'description: Two on one GPU',
      'device: cpu',
      'env:',
      '  DYN_HTTP_PORT: 9000',
      'components:',
      '  decode:',
      '    shareGpuWith: prefill',
      '    chatTemplate: ./mine.jinja',
    ].join('\n'),
  );
  const { code, stdout, stderr } = await dynamo(world, ['plan', 'mine', ...target]);
  expect(code).toBe(64);
  expect(stdout).toBe('');
  expect(stderr).toContain('error: Profile launch-profiles/mine.yaml cannot run on Kubernetes.');
  expect(stderr).toMatch(/^launch-profiles\/mine\.yaml:3:1: device: cpu: /m);
  expect(stderr).toMatch(/^launch-profiles\/mine\.yaml:5:3: env\.DYN_HTTP_PORT: /m);
  expect(stderr).toMatch(/^launch-profiles\/mine\.yaml:8:5: components\.decode\.shareGpuWith: /m);
  expect(stderr).toMatch(/^launch-profiles\/mine\.yaml:9:5: components\.decode\.chatTemplate: /m);
});

test.for([
  [['--gpus', '0'], '--gpus has no meaning on Kubernetes'],
  [['--infra', 'docker'], '--infra has no meaning on Kubernetes'],
  [['--shell'], '--shell has no meaning on Kubernetes'],
  [['--engine', 'sim'], "--engine sim: Dynamo's operator on Kubernetes cannot run it"],
  [['--env', 'HF_TOKEN=hf_aaaaaaaaaaaaaaaaaaaaaaaa'], '--env HF_TOKEN: a secret must not be in the manifest'],
  [['--namespace', 'No_Name'], '--namespace "No_Name": not a name that Kubernetes takes'],
  [['--', '--nnodes', '2'], '--nnodes is given to each pod'],
] as const)('%s is refused', async ([words, message], { world }) => {
  const { code, stdout, stderr } = await dynamo(world, ['plan', 'agg', ...target, ...words]);
  expect(code).toBe(64);
  expect(stdout).toBe('');
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('hf_aaaa');
});

test('several nodes are not for one host, and options of Kubernetes are not for this one', async ({
  world,
}) => {
  const nodes = ['--set', 'components.worker.gpus=4', '--set', 'components.worker.nodes=2'];
  const here = await dynamo(world, ['plan', 'agg', '--engine', 'sim', ...nodes]);
  expect(here.stderr).toMatch(
    /components\.worker\.nodes: 2 machines, and this is one\.[^]*dynamo plan agg --on kubernetes\nfix: dynamo plan agg --nnodes 2/,
  );
  const there = await succeed(world, ['plan', 'agg', ...target, ...nodes, '--json']);
  expect(there.stdout).toContain('"nodeCount": 2');
  const stray = await dynamo(world, ['plan', 'agg', '--engine', 'sim', '--hf-secret', 'hf']);
  expect(stray.stderr).toContain('--hf-secret has a meaning on Kubernetes only');
});

test('options of clusters without --on: the way there is named', async ({ world }) => {
  for (const option of ['--context', '--namespace', '--hf-secret']) {
    const ended = await dynamo(world, ['up', 'agg', option, 'prod']);
    expect(ended.code, ended.stderr).toBe(64);
    expect(ended.stderr).toContain('fix: add --on kubernetes');
  }
});

test('a secret is put into a Secret through stdin, as others may list command lines', async ({ world }) => {
  const ended = await dynamo(world, ['plan', 'agg', ...target, '--env', 'HF_TOKEN=hf_' + 'a'.repeat(34)]);
  expect(ended.code).toBe(64);
  expect(ended.stderr).toContain('fix: printf %s "$HF_TOKEN" | kubectl create secret generic NAME');
  expect(ended.stderr).not.toContain('from-literal');
});
