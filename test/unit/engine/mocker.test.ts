/** How the mocker is started. */
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { shellScript } from '../../../src/plan/shell.ts';
import { ephemeralFolders } from '../../../src/plan/plan.ts';
import { options, pythonHost } from '../../support/profile.ts';
import { shipped } from '../../support/shipped-profiles.ts';

async function planned(asked: string, ...settings: string[]) {
  return makePlan(await shipped(asked, ...settings), options({ engine: 'mocker' }), pythonHost('1.1.1', 0));
}

test('a model that is not local becomes a link to the tokenizer of the package, with its name', async () => {
  const plan = await planned('agg');
  const [frontend, worker] = plan.processes;
  expect(plan.modelLink).toEqual({
    path: '/state/runs/test-abcd/models/Qwen/Qwen3-0.6B',
    target: '/opt/dynamo/assets/tokenizer',
  });
  expect(worker?.argv.join(' ')).toBe(
    '/venv/bin/python3 -m dynamo.mocker --model-path Qwen/Qwen3-0.6B --disaggregation-mode agg --block-size 16',
  );
  // The name is a relative path, also for the frontend.
  expect([frontend?.cwd, worker?.cwd]).toEqual(Array(2).fill('/state/runs/test-abcd/models'));
  expect(worker?.env).toMatchObject({
    HF_HUB_OFFLINE: '1',
    DYN_SYSTEM_STARTING_HEALTH_STATUS: 'ready',
  });
  expect(ephemeralFolders(plan)).toContain('/state/runs/test-abcd/models');
  expect(plan.choices).toContainEqual(expect.objectContaining({ what: 'tokenizer' }));
});

test('a local folder is served as it is, or through a link with its name', async () => {
  const plain = await planned('agg', 'model=./tiny');
  expect(plain.modelLink).toBeUndefined();
  expect(plain.model).toEqual({ path: '/home/user/tiny', servedName: '/home/user/tiny' });
  expect(plain.processes[1]?.argv).toContain('/home/user/tiny');
  const named = await planned('agg', 'model=/data/tiny', 'servedModelName=acme/tiny');
  expect(named.modelLink).toEqual({ path: '/state/runs/test-abcd/models/acme/tiny', target: '/data/tiny' });
  await expect(planned('agg', 'model=/data/tiny', 'servedModelName=../x')).rejects.toMatchObject({
    code: 'usage',
  });
});

test('roles get their modes, prefill its bootstrap port', async () => {
  const { processes } = await planned('disagg');
  const [, prefill, decode] = processes.map(({ argv }) => argv.join(' '));
  expect(prefill).toContain(
    `--disaggregation-mode prefill --bootstrap-ports ${processes[1]?.ports.bootstrap}`,
  );
  expect(decode).toContain('--disaggregation-mode decode --block-size 16');
});

test('a limit on concurrent requests is only set for aggregated workers, as others would refuse requests', async () => {
  const { processes } = await planned('disagg_same_gpu');
  expect(processes.filter(({ argv }) => argv.includes('--max-num-seqs'))).toEqual([]);
  const alone = await planned('agg', 'components.worker.memory.maxRunningRequests=2');
  expect(alone.processes[1]?.argv.join(' ')).toContain('--max-num-seqs 2');
});

test.each(['embeddings', 'diffusion', 'video', 'diffusion_lm', 'multimodal_epd', 'vision'])(
  '%s is refused',
  async (name) => {
    const plan = planned(name);
    await expect(plan).rejects.toMatchObject({
      code: 'usage',
      impossible: true,
      message: expect.stringContaining('mocker'),
    });
  },
);

test('the script of a plan creates the link and starts in its folder', async () => {
  const script = shellScript(await planned('agg'));
  expect(script).toContain(
    'ln -sfn /opt/dynamo/assets/tokenizer /state/runs/test-abcd/models/Qwen/Qwen3-0.6B',
  );
  expect(script).toContain('env -C /state/runs/test-abcd/models \\');
});
