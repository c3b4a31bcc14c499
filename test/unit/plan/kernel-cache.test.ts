/** The folder for compiled kernels of a worker, and whose variables win. */
import { describe, expect, it } from 'vitest';
import { sglang } from '../../../src/engine/sglang.ts';
import { sim } from '../../../src/engine/sim.ts';
import { kernelFolderOf, type KernelPlace, kernelsInside } from '../../../src/plan/kernel-cache.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { options, pythonHost } from '../../support/profile.ts';
import { shipped } from '../../support/shipped-profiles.ts';

const h200 = { index: 0, uuid: 'GPU-a', name: 'NVIDIA H200', totalMiB: 143_771, usedMiB: 0 };
const place: KernelPlace = {
  kind: sglang,
  python: { dynamoVersion: '1.4.2' },
  environment: { HOME: '/home/user' },
  gpus: [h200, { ...h200, index: 1, uuid: 'GPU-b', name: 'NVIDIA H100 80GB HBM3 (MIG 1g.10gb)' }],
};
const own = '/home/user/.cache/dynamo/kernels/sglang-1.4.2';

describe('the folder for compiled kernels', () => {
  it('is one per version and GPU', () => {
    expect(kernelFolderOf(place, ['0'], {})).toMatchObject({
      folder: `${own}/nvidia-h200`,
      env: { SGLANG_CACHE_DIR: `${own}/nvidia-h200`, TRITON_CACHE_DIR: `${own}/nvidia-h200/triton` },
    });
    expect(kernelFolderOf(place, ['GPU-b'], {})?.folder).toBe(`${own}/nvidia-h100-80gb-hbm3-mig-1g-10gb`);
    expect(kernelFolderOf(place, [], {})?.folder).toBe(`${own}/cpu`);
  });

  it('is below XDG_CACHE_HOME, and nowhere without a home, a Python or kernels', () => {
    const elsewhere = { ...place, environment: { HOME: '/home/user', XDG_CACHE_HOME: '/cache' } };
    expect(kernelFolderOf(elsewhere, ['0'], {})?.folder).toBe(
      '/cache/dynamo/kernels/sglang-1.4.2/nvidia-h200',
    );
    expect(kernelFolderOf({ ...place, environment: {} }, ['0'], {})).toBeUndefined();
    expect(kernelFolderOf({ ...place, python: undefined }, ['0'], {})).toBeUndefined();
    expect(kernelFolderOf({ ...place, kind: sim }, [], {})).toBeUndefined();
  });

  it('yields to variables of the caller and of the profile', () => {
    const caller = { ...place, environment: { ...place.environment, TRITON_CACHE_DIR: '/mine' } };
    const { env, folder } = kernelFolderOf(caller, ['0'], { TORCHINDUCTOR_CACHE_DIR: '/profile' }) ?? {};
    expect(env).not.toHaveProperty('TRITON_CACHE_DIR');
    expect(env).not.toHaveProperty('TORCHINDUCTOR_CACHE_DIR');
    expect(env).toHaveProperty('SGLANG_DG_CACHE_DIR', `${folder}/deep_gemm`);
    // The user's folder for all of them holds the rest too, and is not ours.
    const named = kernelFolderOf(place, ['0'], { SGLANG_CACHE_DIR: '/all' });
    expect(named).toMatchObject({ env: { TRITON_CACHE_DIR: '/all/triton', CUDA_CACHE_PATH: '/all/nv' } });
    expect(named?.folder).toBeUndefined();
  });

  it('is mounted into containers, apart from that of the host, whatever the caller set for the host', () => {
    const image = {
      ...place,
      python: { dynamoVersion: '1.1.1', inImage: true } as const,
      environment: { ...place.environment, TRITON_CACHE_DIR: '/mine' },
    };
    expect(kernelFolderOf(image, ['0'], {})).toMatchObject({
      folder: '/home/user/.cache/dynamo/kernels/sglang-1.1.1-image/nvidia-h200',
      env: { TRITON_CACHE_DIR: `${kernelsInside}/triton` },
    });
  });
});

it('a worker on GPUs has it, a frontend has not, and no process keeps kernels in the folder of the run', async () => {
  const here = pythonHost('1.4.2', 1, {
    gpus: [h200],
    environment: { HOME: '/home/user', PATH: '/usr/bin' },
  });
  const { processes } = makePlan(await shipped('agg'), options({ engine: 'sglang' }), here);
  const [frontend, worker] = ['frontend', 'worker'].map((name) =>
    processes.find((each) => each.name === name),
  );
  expect(worker?.kernelFolder).toMatch(
    /^\/home\/user\/\.cache\/dynamo\/kernels\/sglang-[\d.]+\/nvidia-h200$/,
  );
  expect(worker?.env['TORCHINDUCTOR_CACHE_DIR']).toBe(`${worker?.kernelFolder}/inductor`);
  expect(frontend?.kernelFolder).toBeUndefined();
});
