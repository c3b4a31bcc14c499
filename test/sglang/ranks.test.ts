/** Real SGLang: one worker with two ranks, each on a host of its own, without a GPU. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { executable } from '../e2e/harness/cli.ts';
import type { Up } from '../e2e/harness/deployment.ts';
import { freePort } from '../e2e/harness/ports.ts';
import { until } from '../support/until.ts';
import { answers, ask, rowOf } from '../real/support/host-commands.ts';
import { rotary } from '../real/support/models.ts';
import { pythons } from '../real/support/python.ts';
import { onCpu, onCpuVariables, sglangTimeout as timeout } from '../real/support/sglang.ts';
import { type Host, test } from '../real/support/two-hosts.ts';

/** A llama without weights: the gpt2 of SGLang computes on one rank only. */
const tiny = fileURLToPath(new URL('../../assets/tokenizer', import.meta.url));

/** Source: docs/upstream/launch-scripts.md#several-hosts. */
const twoRanks = [
  '--set',
  'components.worker.tensorParallel=2',
  '--env',
  'SGLANG_CPU_OMP_THREADS_BIND=0|1',
  '--env',
  'SGLANG_NCCL_SO_PATH=none',
];

async function workerOf(host: Host) {
  return (await rowOf(host)).processes.find(({ name }) => name === 'worker');
}

describe.each(pythons('sglang'))('$name', ({ python }) => {
  test('two ranks answer together; one is killed, and both come back', { timeout }, async ({ hosts }) => {
    const [first, second] = hosts;
    const start = async (rank: number, more: readonly string[]): Promise<Up> => {
      const host = hosts[rank] ?? first;
      const variables = Object.entries(onCpuVariables(host.world)).map(([name, value]) => `${name}=${value}`);
      const meet = ['--nnodes=2', `--node-rank=${rank}`, `--dist-init-addr=${first.address}:29500`];
      const words = ['up', 'agg', '-d', '--json', ...onCpu(python, tiny), ...rotary, ...twoRanks, ...meet];
      const raw = ['--', '--load-format', 'dummy', '--disable-custom-all-reduce'];
      const argv = ['env', ...variables, process.execPath, executable, ...words, ...more, ...raw];
      const { code, stdout, stderr } = await host.run(argv).ended;
      expect(code, stderr).toBe(0);
      return JSON.parse(stdout) as Up;
    };
    const zero = start(0, ['--http-port', String(await freePort())]);
    const etcd = async () => await answers(second, `http://${first.address}:2379/health`);
    // Whichever comes first: a start that fails says why.
    await Promise.race([until('etcd', etcd, 60_000), zero]);
    await start(1, [`--join=http://${first.address}:2379`]);
    const up = await zero;
    expect(await ask(first, up)).toBe(8);
    const { pid = 0 } = (await workerOf(second)) ?? {};
    process.kill(pid, 'SIGKILL');
    await until(
      'both ranks to be restarted and ready',
      async () => {
        const all = await Promise.all(hosts.map(workerOf));
        return all.every((each) => each !== undefined && each.restarts > 0 && each.state === 'ready');
      },
      600_000,
    );
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    await until('an answer', async () => (await ask(first, up).catch(() => 0)) === 8, 120_000);
    await second.dynamo('down');
    await first.dynamo('down');
  });
});
