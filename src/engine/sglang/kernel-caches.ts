/** Where SGLang and what it computes with keep compiled kernels, by the variables that move them. */
import type { KernelCache } from '../engine.ts';

/**
 * From SGLang 0.5.18 on (Dynamo 1.5), SGLANG_CACHE_DIR moves all but the last two, to these same names below it; before, each
 * has its own default, in the home folder or TMPDIR. A variable that a version does not know has no effect.
 * Source: `environ.py` of SGLang 0.5.10, 0.5.14, 0.5.16, 0.5.18 and 0.5.21; knobs.py of Triton 3.6; jit/env.py of FlashInfer 0.6.14.
 */
export const kernelCaches: readonly KernelCache[] = [
  // What FlashInfer measured, torch.compile of SGLang, which GPUs reach each other.
  { variable: 'SGLANG_CACHE_DIR', folder: '' },
  { variable: 'TRITON_CACHE_DIR', folder: 'triton' },
  { variable: 'TORCHINDUCTOR_CACHE_DIR', folder: 'inductor' },
  // FlashInfer adds `.cache/flashinfer/VERSION/ARCHITECTURE` itself.
  { variable: 'FLASHINFER_WORKSPACE_BASE', folder: '' },
  // SGLang sets DG_JIT_CACHE_DIR from this one, whatever it was.
  { variable: 'SGLANG_DG_CACHE_DIR', folder: 'deep_gemm' },
  { variable: 'TILELANG_CACHE_DIR', folder: 'tilelang' },
  // The driver's, of PTX.
  { variable: 'CUDA_CACHE_PATH', folder: 'nv' },
  // SGLang's own CUDA sources: up to 0.5.16 with the first, from 0.5.18 on with the second.
  { variable: 'TVM_FFI_CACHE_DIR', folder: 'tvm-ffi' },
  { variable: 'SGLANG_JIT_CACHE_DIR', folder: 'jit' },
  { variable: 'SGLANG_CUTE_AOT_CACHE_DIR', folder: 'cute_aot' },
  { variable: 'TORCH_EXTENSIONS_DIR', folder: 'torch_extensions' },
];
