/** SGLang refuses a cuDNN that is too old for the 3D convolutions of vision and diffusion models. */
import { lineRule } from '../log-lines.ts';

/** Both texts: of SGLang with torch 2.9.1 (ai-dynamo/dynamo#5482), and the one in upstream's troubleshooting. */
const refusal = /CuDNN Compatibility Issue Detected|cuDNN frontend [\d.]+ requires cuDNN lib >= [\d.]+/;

export const cudnnCheck = lineRule(
  {
    id: 'cudnn-check',
    check: 'D01',
    sees: '`CuDNN Compatibility Issue Detected`, or `cuDNN frontend 1.8.1 requires cuDNN lib >= 9.5.0`',
    fixes: '`--env SGLANG_DISABLE_CUDNN_CHECK=1`, or a newer `nvidia-cudnn-cu12`',
  },
  refusal,
  () => ({
    cause:
      'SGLang refuses the installed cuDNN, which is too old for the 3D convolutions of vision and diffusion models',
    fix: '--env SGLANG_DISABLE_CUDNN_CHECK=1   # or: pip install nvidia-cudnn-cu12==9.16.0.29',
  }),
);
