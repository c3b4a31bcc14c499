/** The shipped profiles: all load, and all names that upstream's users know lead to them. */
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listProfiles, validateProfile } from '../../../src/profile/list.ts';
import { loadProfile } from '../../../src/profile/load.ts';
import { diskFiles, set, shippedFolder } from './memory-files.ts';

const library = {
  files: diskFiles,
  directories: { project: '/nowhere/a', user: '/nowhere/b', shipped: shippedFolder },
  cwd: '/nowhere',
};
const load = (asked: string, settings: string[] = [], environment: Record<string, string> = {}) =>
  loadProfile({ ...library, asked, environment, settings: set(...settings) });
const worker = async (asked: string, name: string, settings: string[] = [], environment = {}) => {
  const spec = (await load(asked, settings, environment)).profile.components[name];
  if (spec?.kind !== 'worker') throw new Error(`no worker ${name}`);
  return spec;
};

const llada = async (variables: Record<string, string>) =>
  (await load('diffusion_lm', [], variables)).profile.components['frontend'];
const decodeMemory = async (...settings: string[]) =>
  (await worker('multimodal_disagg', 'decode', settings)).memory;

const names = [
  'agg',
  'agg_router',
  'diffusion',
  'diffusion_lm',
  'disagg',
  'disagg_router',
  'disagg_same_gpu',
  'embeddings',
  'multimodal_disagg',
  'multimodal_epd',
  'video',
  'vision',
];

describe('shipped profiles', () => {
  it('are twelve valid ones', async () => {
    const listed = await listProfiles(library);
    expect(listed.map(({ error }) => error?.details.join('\n'))).toEqual(names.map(() => undefined));
    expect(listed.map(({ name }) => name)).toEqual(names);
    for (const { description, profile } of listed) {
      expect(description).toMatch(/^[A-Z].{10,100}$/);
      expect(
        Object.values(profile?.parameters ?? {}).every((parameter) => parameter.description.length > 9),
      ).toBe(true);
    }
  });

  it.each(names)('%s is valid with every overlay', async (asked) => {
    await expect(
      validateProfile({ ...library, asked, environment: {}, settings: [] }),
    ).resolves.toBeDefined();
  });

  it.each([
    ['agg', 'agg', 'name'],
    ['agg-router', 'agg_router', 'name'],
    ['agg_vision', 'vision', 'alias'],
    ['agg-embed', 'embeddings', 'alias'],
    ['image_diffusion', 'diffusion', 'alias'],
    ['text-to-video-diffusion', 'video', 'alias'],
    ['text_to_video_diffusion', 'video', 'alias'],
    ['diffusion_llada', 'diffusion_lm', 'alias'],
    ['disagg.sh', 'disagg', 'script'],
    ['./launch/disagg.sh', 'disagg', 'script'],
    ['./launch/disagg_router', 'disagg_router', 'script'],
    ['/x/y/launch/lora/agg.sh', 'agg', 'script'],
    ['launch\\agg_embed.sh', 'embeddings', 'script'],
    ['text-to-video-diffusion.sh', 'video', 'script'],
    ['diffusion_llada.sh', 'diffusion_lm', 'script'],
    ['multimodal_epd.sh', 'multimodal_epd', 'script'],
    ['disagg_same_gpu.sh', 'disagg_same_gpu', 'script'],
    ['disagg.yaml', 'disagg', 'name'],
    [`${shippedFolder}/disagg.yaml`, 'disagg', 'path'],
  ])('%s → %s (%s)', async (asked, file, resolvedBy) => {
    const found = await load(asked);
    expect([basename(found.profile.file, '.yaml'), found.resolvedBy, found.asked]).toEqual([
      file,
      resolvedBy,
      asked,
    ]);
    expect(found.profile.origin).toBe('shipped');
  });

  it('have the shapes of upstream', async () => {
    const { components } = (await load('disagg_router')).profile;
    expect(components).toMatchObject({
      frontend: { router: { mode: 'kv', kvEvents: true } },
      prefill: { mode: 'prefill', replicas: 2, pageSize: 64, kvEvents: true, transfer: { backend: 'nixl' } },
      decode: { mode: 'decode', replicas: 2, pageSize: 64, kvEvents: true, multimodal: false },
    });
    expect((await load('disagg')).profile.components).toMatchObject({
      prefill: { pageSize: 16, dependsOn: {} },
    });
    expect((await load('agg_router', ['approx=true'])).profile.components).toMatchObject({
      frontend: { router: { kvEvents: false } },
    });
    const same = await worker('disagg_same_gpu', 'decode');
    expect(same).toMatchObject({ shareGpuWith: 'prefill', dependsOn: { prefill: 'ready' } });
    expect(same.memory).toEqual({
      contextLength: 4096,
      chunkedPrefillSize: 4096,
      maxPrefillTokens: 4096,
      maxRunningRequests: 2,
      maxTotalTokens: 25_000,
      saver: true,
      deleteCheckpointAfterLoading: true,
    });
  });

  it('read the variables that upstream reads', async () => {
    const environment = {
      MAX_TOTAL_TOKENS: '99',
      CONTEXT_LENGTH: '77',
      DYN_SGLANG_DISABLE_MEMORY_SAVER: '1',
    };
    const spec = await worker('disagg_same_gpu', 'prefill', ['contextLength=88'], environment);
    expect(spec.memory).toMatchObject({ maxTotalTokens: 99, contextLength: 88 });
    expect(spec.memory.saver).toBeUndefined();
    const { memory } = await worker('agg', 'worker', [], {
      _PROFILE_OVERRIDE_SGLANG_MAX_TOTAL_TOKENS: '2048',
    });
    expect(memory).toEqual({ maxTotalTokens: 2048 });
    expect((await worker('agg', 'worker', [], { MAX_TOTAL_TOKENS: '1' })).memory).toEqual({});
    expect(await llada({})).toMatchObject({ httpPort: 8001 });
    expect(await llada({ DYN_HTTP_PORT: '9000', HTTP_PORT: '' })).toMatchObject({ httpPort: 9000 });
    expect(await llada({ DYN_HTTP_PORT: '9000', HTTP_PORT: '9001' })).toMatchObject({ httpPort: 9001 });
    expect((await worker('diffusion_lm', 'worker', ['component=x'], { NAMESPACE: 'n' })).endpoint).toBe(
      'n.x.generate',
    );
  });

  it('video: the model follows wanSize unless set explicitly', async () => {
    const model = async (...settings: string[]) => (await load('video', settings)).profile.model;
    expect(await model()).toBe('Wan-AI/Wan2.1-T2V-1.3B-Diffusers');
    expect(await model('wanSize=14b')).toBe('Wan-AI/Wan2.1-T2V-14B-Diffusers');
    expect(await model('wanSize=14b', 'model=/m')).toBe('/m');
    expect((await worker('video', 'worker', ['wanSize=14b'])).gpus).toBe(2);
    expect((await load('video', ['width=832', 'height=480'])).profile.proof.size).toBe('832x480');
  });

  it('singleGpu shares one GPU, limits memory, and never makes the decode worker wait for encode', async () => {
    const epd = (await load('multimodal_epd', ['singleGpu=yes'])).profile.components;
    expect(epd).toMatchObject({
      encode: { shareGpuWith: 'worker', dependsOn: { worker: 'ready' }, memory: { maxRunningRequests: 2 } },
      worker: { dependsOn: {}, memory: { deleteCheckpointAfterLoading: true, chunkedPrefillSize: 4096 } },
    });
    expect(await decodeMemory()).toEqual({});
    expect(await decodeMemory('singleGpu=true')).toMatchObject({ staticFraction: 0.9, maxTotalTokens: 1024 });
    expect(await decodeMemory('singleGpu=true', 'maxTotalTokens=5')).toMatchObject({ maxTotalTokens: 5 });
  });
});
