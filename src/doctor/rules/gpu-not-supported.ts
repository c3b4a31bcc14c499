/** PyTorch was built without code for this GPU. */
import { lineRule } from '../log-lines.ts';

export const gpuNotSupported = lineRule(
  {
    id: 'gpu-not-supported',
    check: 'D14',
    sees: '`no kernel image is available for execution on the device`',
    fixes: 'a PyTorch built for the compute capability of the GPU',
  },
  /no kernel image is available for execution on the device/,
  () => ({
    cause: 'PyTorch, or a kernel library, was built without code for this GPU',
    fix: 'nvidia-smi --query-gpu=name,compute_cap --format=csv   # then install wheels that support it',
  }),
);
