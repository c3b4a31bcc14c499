/** Size of a model's weights, from a folder or the hub cache. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { modelWeightsMiB } from '../../../src/gpu/model-weights.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const mib = 2 ** 20;

test('a model in one file is as large as the file', () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'model.safetensors'), Buffer.alloc(3 * mib));
  expect(modelWeightsMiB(folder, {})).toBe(3);
});

test('a model in several files is as large as its index says, even if files are missing', () => {
  const folder = tempFolder();
  writeFileSync(
    join(folder, 'model.safetensors.index.json'),
    JSON.stringify({ metadata: { total_size: 5 * mib }, weight_map: {} }),
  );
  writeFileSync(join(folder, 'model-00001-of-00002.safetensors'), 'x');
  expect(modelWeightsMiB(folder, {})).toBe(5);
});

test.each(['not json', '{}', '{"metadata":{}}', '{"metadata":{"total_size":"5"}}', 'null'])(
  'an index that contains %s is ignored',
  (text) => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'model.safetensors.index.json'), text);
    expect(modelWeightsMiB(folder, {})).toBeUndefined();
    writeFileSync(join(folder, 'a.safetensors'), Buffer.alloc(mib));
    expect(modelWeightsMiB(folder, {})).toBe(1);
  },
);

test('a hub model is found in its cache, wherever that is', () => {
  const home = tempFolder();
  const repository = join(home, 'hub', 'models--acme--tiny');
  const snapshot = join(repository, 'snapshots', 'abc');
  for (const folder of [snapshot, join(repository, 'refs'), join(repository, 'blobs')]) {
    mkdirSync(folder, { recursive: true });
  }
  writeFileSync(join(repository, 'refs', 'main'), 'abc\n');
  writeFileSync(join(repository, 'blobs', '123'), Buffer.alloc(2 * mib));
  symlinkSync('../../blobs/123', join(snapshot, 'model.safetensors'));
  symlinkSync('../../blobs/gone', join(snapshot, 'other.safetensors'));
  expect(modelWeightsMiB('acme/tiny', { HF_HOME: home })).toBe(2);
  expect(modelWeightsMiB('acme/tiny', { HF_HUB_CACHE: join(home, 'hub') })).toBe(2);
  expect(modelWeightsMiB('acme/tiny', { HF_HOME: join(home, 'elsewhere') })).toBeUndefined();
  expect(modelWeightsMiB('acme/other', { HF_HOME: home })).toBeUndefined();
});
