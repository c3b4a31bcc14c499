/** Checks of the model: its kind, the hub, the cache, and offline mode. */
import { expect, test } from 'vitest';
import { hfAuth, hfCache, modelKind, offline } from '../../../src/doctor/checks/hub-and-models.ts';
import { finding, type HostFacts, onGpus, subjectOf } from '../../support/doctor-host.ts';
import { frontend, profileOf, worker } from '../../support/profile.ts';

const withModel = (model: string, mode = 'aggregated', more: object = {}) =>
  profileOf({ model, components: { frontend, worker: worker(mode) }, ...more });
const hub = '/home/user/.cache/huggingface/hub';
const snapshot = `${hub}/models--acme--tiny/snapshots/c0ffee`;
const cached: HostFacts['files'] = {
  [`${hub}/models--acme--tiny/refs/main`]: 'c0ffee\n',
  [`${snapshot}/config.json`]: '{}',
  [`${snapshot}/tokenizer.json`]: '{}',
  [`${snapshot}/model.safetensors.index.json`]: JSON.stringify({
    metadata: { total_size: 40 * 2 ** 30 },
    weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors' },
  }),
  [`${snapshot}/model-1.safetensors`]: 'x',
  [`${snapshot}/model-2.safetensors`]: 'x',
};
const partial = { ...cached, [`${snapshot}/model-2.safetensors`]: null };
const tiny = onGpus(withModel('acme/tiny'));

test.each([
  ['WanPipeline', 'dynamo up video'],
  ['StableDiffusionPipeline', 'dynamo up diffusion'],
])('model-kind fails for a text worker on %s', async (name, command) => {
  const files = { '/m/model_index.json': JSON.stringify({ _class_name: name }) };
  const found = await finding(modelKind, { files, subject: onGpus(withModel('/m')) });
  expect(found).toMatchObject({ status: 'fail', evidence: expect.stringContaining(name) });
  expect(found.fix).toContain(command);
});

test('model-kind fails for an image worker on a text model, also in the cache of the hub', async () => {
  const subject = onGpus(withModel('acme/tiny', 'image'));
  expect(await finding(modelKind, { files: cached, subject })).toMatchObject({ status: 'fail' });
});

test('model-kind is silent if they fit, and skipped without profile or model', async () => {
  expect(await finding(modelKind, { files: cached, subject: tiny })).toMatchObject({ status: 'ok' });
  const files = { '/m/model_index.json': '{}' };
  expect(await finding(modelKind, { files, subject: onGpus(withModel('/m', 'video')) })).toMatchObject({
    status: 'ok',
  });
  expect(await finding(modelKind, { subject: tiny })).toMatchObject({ status: 'skip' });
  expect(await finding(modelKind)).toMatchObject({ status: 'skip' });
  const bare = { '/m/weights.gguf': '' };
  expect(await finding(modelKind, { files: bare, subject: onGpus(withModel('/m')) })).toMatchObject({
    status: 'skip',
  });
});

const replies =
  (status: number, code?: string): NonNullable<HostFacts['replies']> =>
  () => ({ status, headers: code === undefined ? {} : { 'x-error-code': code } });

test.each([
  [401, 'GatedRepo', 'accept the licence on https://huggingface.co/acme/tiny, then export HF_TOKEN'],
  [403, 'GatedRepo', 'accept the licence'],
  [401, 'RepoNotFound', 'check the spelling'],
  [404, 'RepoNotFound', 'check the spelling'],
  [403, '', 'request access'],
  [404, '', 'check the spelling'],
])('hf-auth fails on %i %s', async (status, code, fix) => {
  const found = await finding(hfAuth, { subject: tiny, replies: replies(status, code) });
  expect(found).toMatchObject({ status: 'fail', evidence: expect.stringContaining(String(status)) });
  expect(found.fix).toContain(fix);
});

test('hf-auth asks HF_ENDPOINT with the token from environment or file, and never shows it', async () => {
  const seen: unknown[] = [];
  const asked: NonNullable<HostFacts['replies']> = (url, { headers, method }) => {
    seen.push([method, url, headers?.['authorization']]);
    return { status: 302 };
  };
  const environment = { HF_ENDPOINT: 'http://mirror/', HF_TOKEN: 'hf_one' };
  const found = await finding(hfAuth, { subject: tiny, replies: asked, environment });
  expect(JSON.stringify(found)).not.toContain('hf_one');
  const files = { '/home/user/.cache/huggingface/token': 'hf_two\n' };
  await finding(hfAuth, { subject: tiny, replies: asked, files });
  expect(seen).toEqual([
    ['HEAD', 'http://mirror/acme/tiny/resolve/main/config.json', 'Bearer hf_one'],
    ['HEAD', 'https://huggingface.co/acme/tiny/resolve/main/config.json', 'Bearer hf_two'],
  ]);
});

test('hf-auth fails if the hub is unreachable and the model missing; behind a proxy it cannot tell', async () => {
  expect(await finding(hfAuth, { subject: tiny, files: partial })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('cannot be reached (ECONNREFUSED)'),
  });
  const environment = { https_proxy: 'http://proxy:3128' };
  expect(await finding(hfAuth, { subject: tiny, environment })).toMatchObject({ status: 'skip' });
});

const pipeline: NonNullable<HostFacts['replies']> = (url) =>
  url.endsWith('model_index.json')
    ? { status: 200 }
    : { status: 404, headers: { 'x-error-code': 'EntryNotFound' } };

test('hf-auth is silent for pipelines and local models, and skipped in offline mode', async () => {
  expect(await finding(hfAuth, { subject: tiny, replies: pipeline })).toMatchObject({ status: 'ok' });
  expect(await finding(hfAuth, { subject: tiny, files: cached })).toMatchObject({ status: 'ok' });
  const environment = { HF_HUB_OFFLINE: '1' };
  expect(await finding(hfAuth, { subject: tiny, environment })).toMatchObject({ status: 'skip' });
  expect(await finding(hfAuth, { subject: subjectOf(withModel('acme/tiny')) })).toMatchObject({
    status: 'skip',
  });
  expect(await finding(hfAuth)).toMatchObject({ status: 'skip' });
  expect(await finding(hfAuth, { subject: tiny, replies: replies(503) })).toMatchObject({ status: 'skip' });
  expect(await finding(hfAuth, { subject: onGpus(withModel('/nowhere')) })).toMatchObject({
    status: 'fail',
  });
});

const roomy = { freeBytes: 500 * 2 ** 30, totalBytes: 900 * 2 ** 30 };
const tight = { freeBytes: 20 * 2 ** 30, totalBytes: 900 * 2 ** 30 };

test('hf-cache fails if it is not writable, or too small for the rest of the model', async () => {
  expect(await finding(hfCache, { readOnly: ['/'], space: { '/': roomy } })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('is not writable'),
  });
  expect(await finding(hfCache, { subject: tiny, files: partial, space: { [hub]: tight } })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('20 GiB free'),
  });
});

test('hf-cache warns about a full disk and abandoned downloads', async () => {
  const full = { freeBytes: 2 ** 30, totalBytes: 900 * 2 ** 30 };
  expect(await finding(hfCache, { space: { '/': full } })).toMatchObject({ status: 'warn' });
  const blob = `${hub}/models--acme--tiny/blobs/abc.incomplete`;
  const lock = `${hub}/.locks/models--acme--tiny/abc.lock`;
  const files = { ...cached, [blob]: '', [lock]: '' };
  const space = { [hub]: roomy };
  expect(await finding(hfCache, { files, space })).toMatchObject({ status: 'warn', details: [blob] });
  const held = { ...files, '/proc/locks': '1: FLOCK  ADVISORY  WRITE 9 fe:00:1 0 EOF\n' };
  expect(await finding(hfCache, { files: held, space })).toMatchObject({ status: 'ok' });
});

test('hf-cache is silent if there is space, and skipped if no model is loaded or measured', async () => {
  const environment = { HF_HOME: '/data/hf' };
  expect(await finding(hfCache, { environment, space: { '/': roomy } })).toMatchObject({
    status: 'ok',
    evidence: '/data/hf/hub: writable, 500 GiB free, 0 models',
  });
  expect(await finding(hfCache, { subject: subjectOf(withModel('acme/tiny')) })).toMatchObject({
    status: 'skip',
  });
  expect(await finding(hfCache)).toMatchObject({ status: 'skip' });
  expect(await finding(hfCache, { subject: onGpus(withModel('/models/m')) })).toMatchObject({
    status: 'skip',
  });
});

const offlineMode = { TRANSFORMERS_OFFLINE: 'yes' };

test('offline fails if a model that cannot be downloaded lacks files', async () => {
  expect(await finding(offline, { subject: tiny, files: partial, environment: offlineMode })).toMatchObject({
    status: 'fail',
    evidence: `${snapshot} lacks model-2.safetensors`,
    fix: 'HF_HUB_OFFLINE=0 hf download acme/tiny',
  });
  expect(await finding(offline, { subject: tiny, environment: offlineMode })).toMatchObject({
    status: 'fail',
  });
  expect(await finding(offline, { subject: onGpus(withModel('/nowhere')) })).toMatchObject({
    status: 'fail',
  });
  const folder = { '/m/config.json': '{}' };
  expect(await finding(offline, { subject: onGpus(withModel('/m')), files: folder })).toMatchObject({
    status: 'fail',
    details: ['tokenizer.json', 'model.safetensors'],
  });
});

test('offline needs no weights for the mocker', async () => {
  const subject = subjectOf(withModel('acme/tiny'), { engine: 'mocker' });
  expect(await finding(offline, { subject, files: partial, environment: offlineMode })).toMatchObject({
    status: 'ok',
  });
});

test('offline warns about a served name with a leading slash', async () => {
  const subject = subjectOf(withModel('acme/tiny', 'aggregated', { servedModelName: '/tiny' }));
  expect(await finding(offline, { subject })).toMatchObject({
    status: 'warn',
    fix: '--set servedModelName=tiny',
  });
});

test('offline is silent if the model is complete or can be downloaded, and skipped if none is loaded', async () => {
  expect(await finding(offline, { subject: tiny, files: cached, environment: offlineMode })).toMatchObject({
    status: 'ok',
  });
  expect(await finding(offline, { subject: tiny, files: partial })).toMatchObject({ status: 'ok' });
  expect(await finding(offline, { subject: tiny })).toMatchObject({ status: 'ok' });
  expect(await finding(offline, { subject: subjectOf(withModel('acme/tiny')) })).toMatchObject({
    status: 'skip',
  });
  expect(await finding(offline)).toMatchObject({ status: 'skip' });
});
