/** The real AIConfigurator: two models, each advised profile planned on eight GPUs of a recording and up on the mocker. */
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { ps, up } from '../../e2e/harness/deployment.ts';
import { fakeGpus } from '../../e2e/harness/gpus.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { toolRecipe } from '../../../src/python/recipe.ts';
import { dataFolders } from '../../../src/python/setup-folders.ts';
import { venv } from '../../support/python-folder.ts';
import { pythons } from '../support/python.ts';

const timeout = 900_000;

/** On PATH, where it comes first. */
function installConfigurator(world: World): void {
  const { name, installedBy } = toolRecipe('aiconfigurator');
  const folder =
    process.env['DYNAMO_TEST_AICONFIGURATOR'] ?? join(dataFolders(process.env).environments, name);
  const program = join(folder, 'bin', 'aiconfigurator');
  if (!existsSync(program))
    throw new Error(`no AIConfigurator: run \`${installedBy}\`, or set DYNAMO_TEST_AICONFIGURATOR=FOLDER`);
  symlinkSync(program, join(world.bin, 'aiconfigurator'));
}

interface AdviceJson {
  readonly predictedBy: { readonly aiconfigurator: string };
  readonly advice: readonly {
    readonly profile: string;
    readonly meets: boolean;
    readonly replicas: Readonly<Record<string, number>>;
    readonly predicted: { readonly gpus: number; readonly tokensPerSecondPerGpu: number };
  }[];
}

const cases = [
  {
    name: 'a large model, aggregated',
    words: ['--model', 'Qwen/Qwen3-32B', '--isl', '4000', '--osl', '500', '--ttft', '1s', '--itl', '20ms'],
    gpus: 8,
    winner: { profile: 'agg', replicas: { worker: 2 } },
    // As recorded: tokens/s/GPU.
    predicted: 501.191,
    up: ['frontend', 'worker-1', 'worker-2'],
  },
  {
    name: 'a small model with a short time to the first token, disaggregated',
    words: ['--model', 'Qwen/Qwen3-0.6B', '--isl', '1000', '--osl', '100', '--ttft', '9ms', '--itl', '10ms'],
    gpus: 2,
    winner: { profile: 'disagg', replicas: { prefill: 1, decode: 1 } },
    predicted: undefined,
    up: ['decode', 'frontend', 'prefill'],
  },
] as const;

describe.each(pythons('mocker'))('$name', ({ python }) => {
  test.for(cases)(
    '$name',
    { timeout },
    async ({ words, gpus, winner, predicted, up: processes }, { world }) => {
      installConfigurator(world);
      fakeGpus(world, gpus);
      const asked = ['advise', ...words, '--timeout', '600'];
      const { stdout } = await succeed(world, [...asked, '--json', '--write', 'advised.yaml']);
      const { advice, predictedBy } = JSON.parse(stdout) as AdviceJson;
      expect(predictedBy.aiconfigurator).toBe('0.12.0');
      const [best] = advice;
      expect(best).toMatchObject({ ...winner, meets: true, predicted: { gpus } });
      expect(best?.predicted.tokensPerSecondPerGpu).toBeGreaterThan(100);
      if (predicted !== undefined) expect(best?.predicted.tokensPerSecondPerGpu).toBe(predicted);

      // Every GPU is used once: what is planned is what was predicted for. A plan only reads the names of packages.
      const sglang = venv(['ai_dynamo-1.4.2', 'sglang-0.5.16', 'torch-2.9.1'], join(world.work, 'sglang'));
      const plan = await succeed(world, ['plan', './advised.yaml', '--python', sglang, '--json']);
      const { processes: planned } = JSON.parse(plan.stdout) as {
        processes: { name: string; gpus?: { index: number }[]; env: Record<string, string> }[];
      };
      const used = planned.flatMap(
        ({ env }) => env['CUDA_VISIBLE_DEVICES']?.split(',').filter(Boolean) ?? [],
      );
      expect(used.toSorted()).toEqual(Array.from({ length: gpus }, (_, i) => String(i)));

      const running = await up(world, './advised.yaml', ['--engine', 'mocker', '--python', python]);
      expect(running.proof.usedRoles.toSorted()).toEqual(
        winner.profile === 'disagg' ? ['decode', 'prefill'] : [],
      );
      const [run] = await ps(world);
      expect(run?.processes.map(({ name, state }) => `${name} ${state}`).toSorted()).toEqual(
        processes.map((name) => `${name} ready`),
      );
      await succeed(world, ['down', '--all', '--quiet']);
    },
  );
});
