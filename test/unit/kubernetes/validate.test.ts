/** What of a profile is refused on Kubernetes: by the path of the key, with a way on; and what its neighbours may do. */
import { expect, test } from 'vitest';
import type { KubernetesRequest } from '../../../src/kubernetes/target.ts';
import { faultsOf, manifestOf, request } from '../../support/manifests.ts';
import { planManifest } from '../../../src/kubernetes/manifest.ts';
import { frontend, profileOf, worker } from '../../support/profile.ts';

interface Case {
  readonly what: string;
  readonly document: Readonly<Record<string, unknown>>;
  readonly asked?: Partial<KubernetesRequest>;
  readonly path: string;
}

const agg = (more: Readonly<Record<string, unknown>> = {}) => ({
  frontend,
  worker: worker('aggregated', more),
});
const spread = { gpus: 4, nodes: 2 };

const refused: readonly Case[] = [
  { what: 'the CPU', document: { device: 'cpu', components: agg() }, path: 'device' },
  { what: 'a shared folder', document: { discovery: 'file', components: agg() }, path: 'discovery' },
  {
    what: 'an etcd of others',
    document: { infra: { etcd: { endpoints: ['http://etcd:2379'] } }, components: agg() },
    path: 'infra',
  },
  { what: 'a folder of this machine', document: { model: './tiny', components: agg() }, path: 'model' },
  {
    what: 'a folder beside the volume',
    document: { model: '/modelsx/a', components: agg() },
    asked: { modelCache: { claim: 'models', path: '/models' } },
    path: 'model',
  },
  { what: 'traces to localhost', document: { tracing: true, components: agg() }, path: 'tracing' },
  {
    what: "a variable of the operator's",
    document: { env: { DYN_SYSTEM_PORT: '1' }, components: agg() },
    path: 'env.DYN_SYSTEM_PORT',
  },
  { what: 'a secret', document: { env: { HF_TOKEN: 'hf_x' }, components: agg() }, path: 'env.HF_TOKEN' },
  {
    what: 'a secret of one component',
    document: { components: agg({ env: { PROXY: 'http://me:word@proxy' } }) },
    path: 'components.worker.env.PROXY',
  },
  {
    what: 'a secret argument',
    document: { components: agg({ engineArgs: { sglang: ['--api-key', 'word'] } }) },
    path: 'components.worker.engineArgs',
  },
  {
    what: 'a rank',
    document: { components: agg({ engineArgs: { sglang: ['--node-rank=1'] } }) },
    path: 'components.worker.engineArgs',
  },
  {
    what: 'one GPU in two pods',
    document: { components: { ...agg(), second: worker('aggregated', { shareGpuWith: 'worker' }) } },
    path: 'components.second.shareGpuWith',
  },
  {
    what: 'events of several nodes before 1.5',
    document: { components: agg({ ...spread, kvEvents: true }) },
    path: 'components.worker.kvEvents',
  },
  {
    what: 'a place of registration',
    document: { components: agg({ endpoint: 'dynamo.mine.generate' }) },
    path: 'components.worker.endpoint',
  },
  {
    what: 'a template of this machine',
    document: { components: agg({ chatTemplate: 'mine.jinja' }) },
    path: 'components.worker.chatTemplate',
  },
  {
    what: 'settings of an algorithm on this machine',
    document: {
      components: {
        frontend,
        worker: worker('diffusion-lm', { diffusion: { algorithm: 'A', config: '/a.yaml' } }),
      },
    },
    path: 'components.worker.diffusion.config',
  },
  {
    what: 'a name that ends with -',
    document: { components: { frontend, 'a-': worker('aggregated') } },
    path: 'components.a-',
  },
  {
    what: 'a worker with the name of the frontend',
    document: { components: { api: frontend, frontend: worker('aggregated') } },
    path: 'components.frontend',
  },
  {
    what: 'a name that is too long for Grove',
    document: { components: { frontend, [`a${'b'.repeat(41)}`]: worker('aggregated') } },
    path: `components.a${'b'.repeat(41)}`,
  },
  {
    what: 'a name that is too long for Grove with its ranks',
    document: { components: { frontend, [`a${'b'.repeat(18)}`]: worker('aggregated', spread) } },
    path: `components.a${'b'.repeat(18)}`,
  },
  {
    what: '26 components',
    document: {
      components: {
        frontend,
        ...Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`w${i}`, worker('aggregated')])),
      },
    },
    path: 'components',
  },
];

test.each(refused)('$what', ({ document, asked, path }) => {
  const faults = faultsOf(profileOf(document), asked);
  expect(faults.map((fault) => fault.path.join('.'))).toEqual([path]);
  for (const { message, fix } of faults) expect(`${message}: ${fix}`).toMatch(/\w/);
});

const allowed: readonly Omit<Case, 'path'>[] = [
  {
    what: 'a folder of the volume',
    document: { model: '/models/a', components: agg() },
    asked: { modelCache: { claim: 'models', path: '/models' } },
  },
  {
    what: 'traces to a collector',
    document: { tracing: true, components: agg() },
    asked: { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317' } },
  },
  {
    what: 'the usual place of registration',
    document: { components: agg({ endpoint: 'dynamo.backend.generate' }) },
  },
  { what: 'a template that SGLang knows', document: { components: agg({ chatTemplate: 'qwen2-vl' }) } },
  {
    what: 'events of several nodes since 1.5',
    document: { components: agg({ ...spread, kvEvents: true }) },
    asked: { image: { reference: 'name:1.5.1', from: '--image' } },
  },
  { what: 'a public key', document: { env: { OPENAI_API_KEY: 'EMPTY' }, components: agg() } },
];

test.each(allowed)('$what may be', ({ document, asked }) => {
  expect(faultsOf(profileOf(document), asked)).toEqual([]);
});

/** Never emitted: the operator has its own, and the user's would win. */
const operators =
  /DYN_NAMESPACE|DYN_SYSTEM|DYN_HTTP_PORT|DYN_DISCOVERY|DYN_FILE_KV|DYN_TCP|127\.0\.0\.1|[Pp]robe|POD_|CUDA_VISIBLE|--nnodes|--port|--nccl-port|--http-/;

test('nothing that the operator adds is written down, and every component has a command', () => {
  const profile = profileOf({
    components: {
      frontend,
      prefill: worker('prefill', { ...spread }),
      decode: worker('decode', { kvEvents: true }),
    },
  });
  const { manifest, graph } = manifestOf(profile);
  expect(JSON.stringify(manifest)).not.toMatch(operators);
  for (const { command } of graph.components) expect(command.slice(0, 2)).toEqual(['python3', '-m']);
});

test('what looks like a variable to Kubernetes stays text', () => {
  const profile = profileOf({ components: agg({ env: { GREETING: 'a $(POD_IP) b' } }) });
  const { manifest } = manifestOf(profile, { rawArgs: ['--chat-note', '$(HOME)'] });
  expect(JSON.stringify(manifest)).toContain('"a $$(POD_IP) b"');
  expect(JSON.stringify(manifest)).toContain('"$$(HOME)"');
});

test('the frontend is called frontend, whatever the profile calls it', () => {
  const { graph, service, choices } = manifestOf(
    profileOf({ components: { api: { kind: 'frontend', httpPort: 9000 }, worker: worker('aggregated') } }),
  );
  expect(graph.components.map(({ name }) => name)).toEqual(['frontend', 'worker']);
  expect(service).toBe('test-frontend');
  expect(choices.map(({ value }) => value)).toContain('port 8000');
});

test.each([
  ['name:1.6.1', undefined],
  ['name:1.6.1@sha256:abc', '1.6.1'],
  ['name:1.6.1.post1', '1.6.1.post1'],
  ['name:1.4.2@sha256:abc', undefined],
])('the image %s tells the operator its version by %s', (reference, version) => {
  expect(
    manifestOf(profileOf({ components: agg() }), { image: { reference, from: '--image' } }).graph
      .runtimeVersion,
  ).toBe(version);
});

test.each<[string, Partial<KubernetesRequest>]>([
  ['1st', {}],
  ['fine', { hfSecret: 'No' }],
  ['fine', { modelCache: { claim: 'a', path: 'models' } }],
  ['fine', { modelCache: { claim: 'a', path: '/' } }],
  ['fine', { discovery: 'file' }],
  ['fine', { env: { POD_NAME: 'a' } }],
  ['fine', { image: { reference: 'a:latest', from: '--image' } }],
  ['fine', { image: { reference: 'a:1.0.2', from: '--image' } }],
  ['fine', { replicas: { worker: 2, other: 1 } }],
])('%s with %o is refused before a key is looked at', (name, asked) => {
  expect(() => planManifest(profileOf({ name, components: agg() }), request(asked))).toThrow();
});
