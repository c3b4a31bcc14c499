/** The GPU takes one process only, or is in trouble. */
import { lineRule } from '../log-lines.ts';

export const gpuExclusive = lineRule(
  {
    id: 'gpu-exclusive',
    check: 'D17',
    sees: '`CUDA-capable device(s) is/are busy or unavailable`',
    fixes: '`sudo nvidia-smi -i N -c DEFAULT`, or another GPU',
  },
  /CUDA-capable device(?:\(s\) is\/are|s are) busy or unavailable/,
  (_, { subject }) => ({
    cause: 'the GPU takes one process at a time, and another one has it',
    fix: `sudo nvidia-smi -i ${subject?.spec.gpus[0] ?? '0'} -c DEFAULT   # or another GPU: --gpus`,
  }),
);
