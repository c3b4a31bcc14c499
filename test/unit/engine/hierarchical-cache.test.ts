/** HiCache of SGLang, in plans: flags of every version, the folder of a run, and combinations that are refused. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { ephemeralFolders } from '../../../src/plan/plan.ts';
import { options, pythonHost, profileOf, worker, frontend } from '../../support/profile.ts';
import { failureOf } from '../profile/memory-files.ts';

const versions = ['1.1.1', '1.2.1', '1.3.1', '1.4.2', '1.5.1', '1.6.1'];

const cached = (cache: object, more: object = {}) =>
  profileOf({
    components: { frontend, worker: worker('aggregated', { hierarchicalCache: cache, ...more }) },
  });

function planned(cache: object, version = '1.4.2', engine: 'sglang' | 'mocker' | 'sim' = 'sglang') {
  const plan = makePlan(cached(cache, { pageSize: 64 }), options({ engine }), pythonHost(version));
  const spec = plan.processes.find(({ kind }) => kind === 'worker');
  const words = spec?.argv ?? [];
  return { plan, spec, line: words.slice(words.indexOf('--page-size')).join(' ') };
}

test.each(versions)('%s accepts its flags', (version) => {
  const file = new URL(`../../fixtures/upstream-help/${version}-sglang.txt`, import.meta.url);
  const known = new Set(readFileSync(file, 'utf8').trim().split('\n'));
  const all = { sizeGB: 64, writePolicy: 'write_back', storage: 'file', prefetch: 'wait_complete' };
  for (const cache of [{}, { ratio: 2.5 }, all]) {
    const words = planned(cache, version).spec?.argv.filter((word) => word.startsWith('--')) ?? [];
    expect(words.filter((word) => !known.has(word))).toEqual([]);
    expect(words).toContain('--enable-hierarchical-cache');
  }
});

test('each key is a flag; without them SGLang decides', () => {
  expect(planned({}).line).toBe(
    '--page-size 64 --enable-hierarchical-cache --cuda-graph-backend-prefill disabled',
  );
  expect(planned({ ratio: 2.5, writePolicy: 'write_through_selective' }).line).toContain(
    '--enable-hierarchical-cache --hicache-ratio 2.5 --hicache-write-policy write_through_selective ',
  );
  expect(planned({ sizeGB: 64, storage: 'nixl', prefetch: 'best_effort' }).line).toContain(
    '--hicache-size 64 --hicache-storage-backend nixl --hicache-storage-prefetch-policy best_effort ',
  );
});

test('files are written to a folder of the run, which is removed with it', () => {
  const folder = '/state/runs/test-abcd/kv-cache';
  const { plan, spec } = planned({ storage: 'file' });
  expect(spec?.env['SGLANG_HICACHE_FILE_BACKEND_STORAGE_DIR']).toBe(folder);
  expect(ephemeralFolders(plan)).toContain(folder);
  const none = planned({ storage: 'nixl' });
  expect(none.spec?.env['SGLANG_HICACHE_FILE_BACKEND_STORAGE_DIR']).toBeUndefined();
  expect(ephemeralFolders(none.plan)).not.toContain(folder);
});

test('engines that have no such cache are planned as without it', () => {
  for (const engine of ['mocker', 'sim'] as const)
    expect(planned({ sizeGB: 64 }, '1.6.1', engine).spec?.argv.join(' ')).not.toContain('hicache');
});

const text = (mode: string, more: string, document = '') => `
description: x
model: m
${document}
components:
  frontend: {kind: frontend}
  other: {kind: worker, mode: ${mode === 'decode' ? 'prefill' : 'decode'}, pageSize: 64}
  worker:
    kind: worker
    mode: ${mode}
    pageSize: 64
${more}
proof: {request: chat}
`;

test.each([
  [
    'a decode worker',
    text('decode', '    hierarchicalCache: {}'),
    /decode worker keeps no blocks .*set it on the prefill worker/s,
  ],
  [
    'no radix cache',
    text('prefill', '    radixCache: false\n    hierarchicalCache: {}'),
    /needs the radix cache, which is off/,
  ],
  ['a CPU', text('prefill', '    hierarchicalCache: {}', 'device: cpu'), /needs a GPU, got device: cpu/],
  [
    'two sizes',
    text('prefill', '    hierarchicalCache: {ratio: 2, sizeGB: 8}'),
    /hierarchicalCache\.ratio: has no effect beside sizeGB/,
  ],
  [
    'nothing to fetch from',
    text('prefill', '    hierarchicalCache: {prefetch: timeout}'),
    /hierarchicalCache\.prefetch: there is no storage/,
  ],
  [
    'less than the GPU has',
    text('prefill', '    hierarchicalCache: {ratio: 0.5}'),
    /hierarchicalCache\.ratio: expected number above 1|hierarchicalCache\.ratio/,
  ],
])('%s is refused, with the place', async (_, profile, message) => {
  const failure = await failureOf(profile);
  expect([failure.message, ...failure.details].join('\n')).toMatch(message);
});
