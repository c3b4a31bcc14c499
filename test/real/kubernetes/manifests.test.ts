/** Every manifest that we make is taken by the real API server with the DynamoGraphDeployment of each release, and nothing of it is lost. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubernetesRequest, Manifest } from '../../../src/kubernetes/target.ts';
import { manifestOf } from '../../support/manifests.ts';
import { shipped, shippedNames } from '../../support/shipped-profiles.ts';
import { type ControlPlane, type Release, startControlPlane } from './harness.ts';

/** Which version is served, and the version of Dynamo that goes with it. */
const releases: readonly (readonly [Release, 'v1alpha1' | 'v1beta1', string])[] = [
  ['1.1', 'v1alpha1', '1.1.1'],
  ['1.2', 'v1alpha1', '1.2.1'],
  ['1.2', 'v1beta1', '1.2.1'],
  ['1.3', 'v1beta1', '1.3.1'],
  ['1.4', 'v1beta1', '1.4.2'],
  ['1.5-main-2026-08-21', 'v1alpha1', '1.5.1'],
  ['1.5-main-2026-08-21', 'v1beta1', '1.5.1'],
];
const names = (await shippedNames()).filter((name) => name !== 'disagg_same_gpu');
const nodes = ['prefill', 'decode'].flatMap((name) => [
  `components.${name}.gpus=8`,
  `components.${name}.nodes=2`,
]);

interface Variant {
  readonly what: string;
  readonly profile: string;
  readonly settings: readonly string[];
  readonly asked: Partial<KubernetesRequest>;
}

const variants: readonly Variant[] = [
  ...names.map((profile) => ({ what: profile, profile, settings: [], asked: {} })),
  { what: 'two nodes', profile: 'disagg', settings: nodes, asked: { name: 'two-nodes' } },
  {
    what: 'a secret, a volume, etcd',
    profile: 'disagg',
    settings: [],
    asked: {
      name: 'with-all',
      hfSecret: 'hf-token-secret',
      modelCache: { claim: 'models', path: '/models' },
      discovery: 'etcd',
      env: { DYN_LOG: 'debug' },
    },
  },
  {
    what: 'variables that look like those of Kubernetes',
    profile: 'agg',
    settings: ['components.worker.env.NOTE=$(POD_IP)'],
    asked: { name: 'dollars' },
  },
];

describe.each(releases)('%s with %s stored', (release, apiVersion, dynamoVersion) => {
  let plane: ControlPlane;
  let namespace: string;
  beforeAll(async () => {
    plane = await startControlPlane(release, apiVersion);
    namespace = await plane.namespace();
  }, 120_000);
  afterAll(async () => await plane?.stop());

  async function applied(made: Manifest): Promise<Manifest> {
    const words = [
      'apply',
      '--server-side',
      '--field-manager=dynamo',
      '-n',
      namespace,
      '-f',
      '-',
      '-o',
      'json',
    ];
    return JSON.parse(await plane.kubectl(words, made)) as Manifest;
  }

  test.each(variants)('$what', async ({ profile, settings, asked }) => {
    const image = { reference: `nvcr.io/nvidia/ai-dynamo/sglang-runtime:${dynamoVersion}`, from: '--image' };
    const { manifest } = manifestOf(await shipped(profile, ...settings), { apiVersion, image, ...asked });
    const stored = await applied(manifest);
    expect(stored).toMatchObject(manifest as never);
  });

  test('an image whose tag is no version', async () => {
    const image = { reference: 'registry.example/sglang:latest', from: '--image' };
    const { manifest } = manifestOf(await shipped('agg'), {
      apiVersion,
      image,
      dynamoVersion,
      name: 'odd-image',
    });
    expect(await applied(manifest)).toMatchObject(manifest as never);
  });
});
