/**
 * Every fault of the broken manifests that a real API server was shown (test/fixtures/kubernetes) cannot be written by us:
 * its counterpart in a profile or an option is refused with its place, or the field is never the user's to give.
 */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { manifestYaml, planManifest } from '../../../src/kubernetes/manifest.ts';
import type { KubernetesRequest } from '../../../src/kubernetes/target.ts';
import { loadProfile } from '../../../src/profile/load.ts';
import { manifestOf, request } from '../../support/manifests.ts';
import { shipped, shippedNames } from '../../support/shipped-profiles.ts';
import { failureOf, memoryFiles, request as profileRequest } from '../profile/memory-files.ts';

const lines = (...more: string[]): string =>
  [
    'description: A profile of the tests',
    'model: a/b',
    'proof: { request: chat }',
    'components:',
    '  frontend: { kind: frontend }',
    ...more,
  ].join('\n');
const worker = '  worker: { kind: worker, mode: aggregated }';

/** Refused when the profile is read, whatever runs it. */
test.each([
  ['bad-dup-names', lines(worker, worker), /my\.yaml:7:3: .*worker/],
  ['bad-enum-type', lines('  worker: { kind: worker, mode: prefil }'), /my\.yaml:6:33: .*prefil/],
  [
    'bad-env-dup-noname',
    lines(worker, 'env: { "": x }'),
    /my\.yaml:7:8: env.*name of an environment variable/,
  ],
  [
    'bad-epp-cfg',
    lines('  worker: { kind: worker, mode: aggregated, eppConfig: {} }'),
    /eppConfig: unknown key/,
  ],
  ['bad-limits-gpu', lines('  worker: { kind: worker, mode: aggregated, gpus: one }'), /gpus: expected/],
  [
    'bad-minavail',
    lines('  worker: { kind: worker, mode: aggregated, minAvailable: 3 }'),
    /minAvailable: unknown key/,
  ],
  [
    'bad-name-underscore',
    lines('  pre_fill: { kind: worker, mode: aggregated }'),
    /pre_fill: expected lower-case/,
  ],
  [
    'bad-no-components',
    'description: none\nmodel: a/b\nproof: { request: chat }\ncomponents: {}',
    /no frontend[^]*no worker/,
  ],
  ['bad-nodecount', lines('  worker: { kind: worker, mode: aggregated, nodes: 0 }'), /nodes: expected/],
  [
    'bad-replicas-string',
    lines('  worker: { kind: worker, mode: aggregated, replicas: "two" }'),
    /replicas: expected/,
  ],
  ['bad-restart', lines(worker, 'restart: { id: x }'), /restart: unknown key/],
  [
    'bad-shm',
    lines('  worker: { kind: worker, mode: aggregated, sharedMemorySize: 16Gig }'),
    /sharedMemorySize: unknown key/,
  ],
  ['bad-sidecar-no-image', lines(worker, 'containers: [{ name: side }]'), /containers: unknown key/],
  [
    'bad-unknown-field',
    lines('  worker: { kind: worker, mode: aggregated, replica: 2 }'),
    /replica: unknown key[^]*did you mean replicas/,
  ],
])('%s: refused with its place', async (_fixture, text, message) => {
  const { details } = await failureOf(text);
  expect(details.join('\n')).toMatch(message);
});

test('bad-26-components: refused, which no limit of a profile does', async () => {
  const workers = Array.from({ length: 25 }, (_, i) => `  w${i}: { kind: worker, mode: aggregated }`);
  const files = memoryFiles({ '/project/my.yaml': lines(...workers) });
  const { profile } = await loadProfile(profileRequest(files, './my.yaml'));
  expect(planManifest(profile, request())).toMatchObject({
    kind: 'refused',
    faults: [{ path: ['components'] }],
  });
});

test.each<[string, Partial<KubernetesRequest>, string]>([
  ['bad-backend', { engine: 'sgl' }, '--engine sgl'],
  ['bad-no-main-image', { image: { reference: '', from: '--image' } }, 'The version of Dynamo in'],
  ['a version that is none', { dynamoVersion: 'newest' }, '--dynamo-version "newest"'],
])('%s: refused by its option', async (_fixture, asked, message) => {
  const profile = await shipped('agg');
  expect(() => planManifest(profile, request(asked))).toThrow(message);
});

interface AlphaService {
  readonly resources?: { readonly limits: { readonly gpu: unknown } };
  readonly extraPodSpec: { readonly mainContainer: { readonly image: string } };
}

/** What the API server lets pass, and the operator does not; and the fields of the older version that users cannot give. */
test.each((await shippedNames()).filter((name) => name !== 'disagg_same_gpu'))(
  '%s: has components, each with a container main, an image and a command; bad-no-main, bad-alpha-*',
  async (name) => {
    const profile = await shipped(name);
    const asked = { hfSecret: 'hf', modelCache: { claim: 'models', path: '/models' } };
    const beta = parse(manifestYaml(manifestOf(profile, asked)));
    expect(beta.spec.components.length).toBeGreaterThan(1);
    for (const { podTemplate } of beta.spec.components) {
      const { containers } = podTemplate.spec;
      expect(containers.map((each: { name: string }) => each.name)).toEqual(['main']);
      expect(containers[0].image).toMatch(/:\d+\.\d+\.\d+$/);
      expect(containers[0].command.length).toBe(3);
    }
    const alpha = parse(manifestYaml(manifestOf(profile, { ...asked, apiVersion: 'v1alpha1' })));
    expect(alpha.spec.components).toBeUndefined();
    expect(alpha.spec.pvcs).toEqual([{ name: 'models', create: false }]);
    for (const service of Object.values<AlphaService>(alpha.spec.services)) {
      expect(typeof (service.resources?.limits.gpu ?? '')).toBe('string');
      expect(service.extraPodSpec.mainContainer.image).toMatch(/:\d+\.\d+\.\d+$/);
    }
  },
);
