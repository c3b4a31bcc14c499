/** Starts real SGLang on a CPU. This takes a minute on an idle machine, and many on a busy one. */
import { expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { ps, type Running, up } from '../../e2e/harness/deployment.ts';
import type { World } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import { install, versions } from './installed.ts';
import { keepAnswer } from './keep-answer.ts';

export const sglangTimeout = 1_500_000;

/** `more`: options of `up`; random weights by default. */
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

/** SGLang calls lscpu, and PyTorch a compiler: both from this host. */
export function onCpuVariables(world: World): Record<string, string> {
  const { PATH = '', LD_LIBRARY_PATH } = process.env;
  return {
    HF_HUB_OFFLINE: '1',
    // Test environments have no cache of compiled PyTorch code: every test would compile for a minute.
    TORCHDYNAMO_DISABLE: '1',
    PATH: `${world.bin}:${PATH}`,
    // SGLang of Dynamo 1.1 needs a driver, or test/sglang/stub-libcuda.sh.
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

/** Options for etcd and NATS of this host, started by the run. */
export function withInfra(world: World): string[] {
  const [binaries] = versions();
  if (binaries === undefined) throw new Error('etcd and nats-server are not installed');
  install(world, binaries);
  return ['--infra', 'process'];
}

/** Kills the named process in the only run; resolves once it was restarted. */
async function killed(world: World, name: string): Promise<void> {
  await startedAgain(world, name, (pid) => process.kill(pid, 'SIGKILL'), 120_000);
}

/** Does something to the named process in the only run; resolves once it was restarted. */
async function startedAgain(
  world: World,
  name: string,
  strike: (pid: number) => void,
  patienceMs: number,
): Promise<void> {
  const found = async () => (await ps(world))[0]?.processes.find((each) => each.name === name);
  const before = await found();
  if (before?.pid === undefined) throw new Error(`${name} does not run`);
  strike(before.pid);
  const runsAgain = async (): Promise<boolean> => {
    const now = await found();
    return now?.pid !== undefined && now.pid !== before.pid && now.restarts > before.restarts;
  };
  await until(`${name} to be started again`, runsAgain, patienceMs);
}

/** Kills etcd: it is restarted, as are processes that exited meanwhile, and chats are answered. */
export async function outlivesEtcd(world: World, running: Running): Promise<void> {
  await killed(world, 'etcd');
  await untilAnswered('etcd killed', running);
}

/** Suspends the scheduler of the worker: the worker is restarted, and chats are answered. */
export async function outlivesStandstill(world: World, running: Running, victim: number): Promise<void> {
  await startedAgain(world, 'worker', () => process.kill(victim, 'SIGSTOP'), 600_000);
  await untilAnswered('a scheduler that stood still', running);
}

export async function untilAnswered(after: string, { client }: Running): Promise<void> {
  const answered = async (): Promise<boolean> => {
    const { usage } = await client.chat.completions.create(
      { model: 'tiny', messages: [{ role: 'user', content: 'Hello!' }], max_tokens: 4 },
      { timeout: 120_000 },
    );
    return (usage?.completion_tokens ?? 0) > 0;
  };
  await until(`an answer after ${after}`, () => answered().catch(() => false), 1_200_000);
}

/** Kills a worker, and stops the run while it loads again. */
export async function killThenDown(world: World, worker: string): Promise<void> {
  await killed(world, worker);
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toContain('nothing is left');
}
