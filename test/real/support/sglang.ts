/** Brings real SGLang up on a CPU. A start takes a minute on an idle machine, and many on a busy one. */
import { type Running, up } from '../../e2e/harness/deployment.ts';
import type { World } from '../../e2e/harness/world.ts';
import { keepAnswer } from './keep-answer.ts';

export const sglangTimeout = 1_500_000;

/** `more`: options of `up`; random weights unless there are some. */
export async function upOnCpu(
  world: World,
  profile: string,
  python: string,
  model: string,
  more: readonly string[] = [],
  weights: 'random' | 'own' = 'random',
): Promise<Running> {
  const raw = weights === 'random' ? ['--', '--load-format', 'dummy'] : [];
  const args = [...onCpu(python, model), ...more, ...raw];
  const running = await up(world, profile, args, { env: onCpuVariables(world) });
  await keepAnswer(world, profile, running);
  return running;
}

/** SGLang calls lscpu, and PyTorch a compiler: they stand where this host has them. */
export function onCpuVariables(world: World): Record<string, string> {
  const { PATH = '', LD_LIBRARY_PATH } = process.env;
  return {
    HF_HUB_OFFLINE: '1',
    // A world has no cache of what PyTorch compiled: every test would compile for a minute what it runs once.
    TORCHDYNAMO_DISABLE: '1',
    PATH: `${world.bin}:${PATH}`,
    // That of Dynamo 1.1 wants a driver, or test/sglang/stub-libcuda.sh.
    ...(LD_LIBRARY_PATH === undefined ? {} : { LD_LIBRARY_PATH }),
  };
}

export function onCpu(python: string, model: string): string[] {
  return [
    '--engine',
    'sglang',
    '--set',
    'device=cpu',
    '--python',
    python,
    '--model',
    model,
    '--set',
    'servedModelName=tiny',
    '--timeout',
    '1200',
  ];
}
