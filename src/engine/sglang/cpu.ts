/** What makes a worker run a tiny model on a machine without a GPU. Source: docs/upstream/sglang-on-cpu.md. */
import type { WorkerSpec } from '../../profile/profile.ts';
import type { Flag } from '../flag-words.ts';

/** Not for workers that make images and videos, which find out by themselves. */
export function cpuFlags({ mode, multimodal }: WorkerSpec): Flag[] {
  return [
    ['--device', 'cpu'],
    ['--attention-backend', 'torch_native'],
    ['--sampling-backend', 'pytorch'],
    ['--disable-overlap-schedule', true],
    ['--mm-attention-backend', multimodal ? 'sdpa' : undefined],
    // The fast one of PyTorch looks for a driver; the encode worker counts patches as the fast one does.
    ['--disable-fast-image-processor', multimodal && mode !== 'encode'],
  ];
}

export function cpuVariables({ mode }: WorkerSpec): Record<string, string> {
  return {
    CUDA_VISIBLE_DEVICES: '',
    // Pages of more than one token need a kernel of Triton, which has no compiler for CPUs.
    ...(mode === 'image' || mode === 'video' ? {} : { TRITON_INTERPRET: '1' }),
  };
}
