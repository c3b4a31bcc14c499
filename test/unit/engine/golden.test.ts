/** Every planned flag exists in the upstream version it is planned for. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import type { PlanOptions } from '../../../src/plan/request.ts';
import type { Profile } from '../../../src/profile/profile.ts';
import { options, pythonHost } from '../../support/profile.ts';
import { shipped, shippedNames } from '../../support/shipped-profiles.ts';

const versions = ['1.1.1', '1.2.1', '1.3.1', '1.4.2', '1.5.1', '1.6.1'] as const;
const names = await shippedNames();

const variants: Readonly<Record<string, readonly (readonly string[])[]>> = {
  agg: [['tracing=true', 'maxTotalTokens=2048']],
  agg_router: [['approx=true']],
  disagg: [['transferBackend=mooncake']],
  disagg_same_gpu: [['routerMode=kv', 'chatProcessor=sglang']],
  vision: [['chatTemplate=qwen2-vl']],
  multimodal_epd: [['singleGpu=true', 'embeddingCacheGiB=1']],
  multimodal_disagg: [['singleGpu=true']],
  diffusion: [['httpUrl=http://cdn/x']],
  diffusion_lm: [['dllmAlgorithmConfig=/a.yaml']],
};

function known(version: string, module: string): Set<string> {
  const file = new URL(`../../fixtures/upstream-help/${version}-${module}.txt`, import.meta.url);
  return new Set(readFileSync(file, 'utf8').trim().split('\n'));
}

/** Flags of processes that their program would reject. */
function unknownFlags(profile: Profile, version: string, engine: PlanOptions['engine']): string[] {
  return makePlan(profile, options({ engine }), pythonHost(version)).processes.flatMap(({ name, argv }) => {
    const [, , module = '', ...words] = argv;
    const flags = known(version, module.split('.')[1] ?? '');
    return words.filter((word) => word.startsWith('--') && !flags.has(word)).map((word) => `${name} ${word}`);
  });
}

for (const version of versions) {
  test.each(names)(`${version} accepts every flag of sglang %s, on GPUs and on a CPU`, async (name) => {
    for (const settings of [[], ...(variants[name] ?? [])]) {
      for (const device of ['gpu', 'cpu']) {
        const profile = await shipped(name, ...settings, `device=${device}`);
        expect(unknownFlags(profile, version, 'sglang')).toEqual([]);
      }
    }
  });

  test.each(['agg', 'agg_router', 'disagg', 'disagg_router', 'disagg_same_gpu'])(
    `${version} accepts every flag of mocker %s`,
    async (name) => {
      for (const settings of [[], ...(variants[name] ?? [])]) {
        expect(unknownFlags(await shipped(name, ...settings), version, 'mocker')).toEqual([]);
      }
    },
  );
}
