/** The manifest of every shipped profile in every version of the API: `vitest -u` writes them again. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { manifestYaml } from '../../../src/kubernetes/manifest.ts';
import { apiVersions } from '../../../src/kubernetes/target.ts';
import { faultsOf, manifestOf } from '../../support/manifests.ts';
import { shipped, shippedNames } from '../../support/shipped-profiles.ts';

const names = (await shippedNames()).filter((name) => name !== 'disagg_same_gpu');

for (const apiVersion of apiVersions) {
  test.each(names)(`%s as ${apiVersion}`, async (name) => {
    const plan = manifestOf(await shipped(name), { apiVersion });
    await expect(manifestYaml(plan)).toMatchFileSnapshot(
      `../../fixtures/manifests/${name}.${apiVersion}.yaml`,
    );
  });

  test(`a secret, a volume and a namespace as ${apiVersion}`, async () => {
    const plan = manifestOf(await shipped('disagg'), {
      apiVersion,
      namespace: 'serving',
      hfSecret: 'hf-token-secret',
      modelCache: { claim: 'models', path: '/models' },
      discovery: 'etcd',
    });
    await expect(manifestYaml(plan)).toMatchFileSnapshot(
      `../../fixtures/manifests/disagg-with-cache.${apiVersion}.yaml`,
    );
  });

  test(`workers of two nodes as ${apiVersion}`, async () => {
    const nodes = ['prefill', 'decode'].flatMap((name) => [
      `components.${name}.gpus=8`,
      `components.${name}.nodes=2`,
    ]);
    const plan = manifestOf(await shipped('disagg', ...nodes), { apiVersion });
    await expect(manifestYaml(plan)).toMatchFileSnapshot(
      `../../fixtures/manifests/disagg-two-nodes.${apiVersion}.yaml`,
    );
  });
}

test('one GPU in two pods is refused', async () => {
  expect(faultsOf(await shipped('disagg_same_gpu'))).toMatchObject([
    { path: ['components', 'decode', 'shareGpuWith'] },
  ]);
});

const versions = ['1.1.1', '1.2.1', '1.3.1', '1.4.2', '1.5.1', '1.6.1'];

function flagsOf(version: string, program: string): Set<string> {
  const file = new URL(`../../fixtures/upstream-help/${version}-${program}.txt`, import.meta.url);
  return new Set(readFileSync(file, 'utf8').trim().split('\n'));
}

for (const version of versions) {
  test.each(names)(`${version} knows every flag of the pods of %s`, async (name) => {
    const image = { reference: `name:${version}`, from: '--image' };
    const { graph } = manifestOf(await shipped(name), { image });
    const unknown = graph.components.flatMap(({ command, args }) => {
      const known = flagsOf(version, command[2]?.split('.')[1] ?? '');
      return args.filter((word) => word.startsWith('--') && !known.has(word));
    });
    expect(unknown).toEqual([]);
  });
}
