/** The manifest of every shipped profile in every version of the API: `vitest -u` writes them again. */
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
