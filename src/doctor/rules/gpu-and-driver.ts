/** The GPU, its driver and its libraries: missing, too old, faulty or in use. */
import { lineRule } from '../log-lines.ts';

/** Both texts: of SGLang with torch 2.9.1 (ai-dynamo/dynamo#5482), and the one in upstream's troubleshooting. */
const cudnnRefused = /CuDNN Compatibility Issue Detected|cuDNN frontend [\d.]+ requires cuDNN lib >= [\d.]+/;

/** SGLang rejects a cuDNN that is too old for the 3D convolutions of vision and diffusion models. */
export const cudnnCheck = lineRule(
  {
    id: 'cudnn-check',
    check: 'D01',
    sees: '`CuDNN Compatibility Issue Detected`, or `cuDNN frontend 1.8.1 requires cuDNN lib >= 9.5.0`',
    fixes: '`--env SGLANG_DISABLE_CUDNN_CHECK=1`, or a newer `nvidia-cudnn-cu12`',
  },
  cudnnRefused,
  () => ({
    cause:
      'SGLang rejects the installed cuDNN, which is too old for the 3D convolutions of vision and diffusion models',
    fix: '--env SGLANG_DISABLE_CUDNN_CHECK=1   # or: pip install nvidia-cudnn-cu12==9.16.0.29',
  }),
);

const driverRefused =
  /NVIDIA driver on your system is too old \(found version (\d+)\)|CUDA driver version is insufficient for CUDA runtime version|Error 803: system has unsupported display driver/;

/** The NVIDIA driver is older than the CUDA that PyTorch was built for. */
export const driverTooOld = lineRule(
  {
    id: 'driver-too-old',
    check: 'D14',
    sees: '`The NVIDIA driver on your system is too old`, `CUDA driver version is insufficient`, `Error 803`',
    fixes: 'a newer driver, or a PyTorch built for the CUDA of this one',
  },
  driverRefused,
  ({ line, groups }) => {
    const version = Number(groups[0]);
    const cuda = groups[0] ? `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}` : undefined;
    if (line.includes('Error 803')) {
      return {
        cause:
          'the CUDA libraries found do not belong to this driver: usually a compat or stubs folder in LD_LIBRARY_PATH',
        fix: 'unset LD_LIBRARY_PATH',
      };
    }
    return {
      cause: `the NVIDIA driver is older than the CUDA that PyTorch was built for${cuda === undefined ? '' : `: it supports CUDA ${cuda}`}`,
      fix: 'nvidia-smi   # shows the supported CUDA; install a newer driver, or PyTorch for that CUDA',
    };
  },
);

/** PyTorch was built without code for this GPU. */
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

/** The GPU allows only one process, or is faulty. */
export const gpuExclusive = lineRule(
  {
    id: 'gpu-exclusive',
    check: 'D17',
    sees: '`CUDA-capable device(s) is/are busy or unavailable`',
    fixes: '`sudo nvidia-smi -i N -c DEFAULT`, or another GPU',
  },
  /CUDA-capable device(?:\(s\) is\/are|s are) busy or unavailable/,
  (_, { subject }) => ({
    cause: 'the GPU allows one process at a time, and another one is using it',
    fix: `sudo nvidia-smi -i ${subject?.spec.gpus[0] ?? '0'} -c DEFAULT   # or another GPU: --gpus`,
  }),
);

/** The GPU reports a memory fault. */
export const gpuFault = lineRule(
  {
    id: 'gpu-fault',
    check: 'D16',
    sees: '`uncorrectable ECC error encountered`, `NVRM: Xid`',
    fixes: 'another GPU (`--gpus`), and a reset of this one by its owner',
  },
  /uncorrectable (?:NVLink|ECC) error|NVRM: Xid|GPU has fallen off the bus/,
  (_, { subject }) => ({
    cause: `GPU ${subject?.spec.gpus.join(',') || 'of this worker'} reports a fault that it could not correct`,
    fix: 'nvidia-smi -q -d ECC,PAGE_RETIREMENT   # then use another GPU until this one is reset: --gpus',
  }),
);

/** The NVIDIA driver is missing on the host or in the container. */
export const libcudaMissing = lineRule(
  {
    id: 'libcuda-missing',
    check: 'D15',
    sees: '`No accelerator (CUDA, …) is available`, `libcuda.so.1: cannot open shared object file`, `Found no NVIDIA driver on your system`',
    fixes: '`docker run --gpus all`, a driver, or `--engine sim`',
  },
  /No accelerator \(CUDA, XPU|libcuda\.so(?:\.1)?: cannot open shared object file|Found no NVIDIA driver on your system|No CUDA GPUs are available|Can't initialize NVML|Failed to initialize NVML|0 active drivers/,
  () => ({
    cause: 'no NVIDIA driver was found: this host has no GPU, or the container was started without it',
    fix: 'docker run --gpus all …   # on the host itself: install the driver; without a GPU: --engine sim',
  }),
);

/** SGLang chose FlashAttention 3, and its kernels are not there. Seen with SGLang 0.5.16 on an H200: images and videos. */
export const flashAttentionMissing = lineRule(
  {
    id: 'flash-attention-missing',
    sees: '`Can not import FA3 in sgl_kernel`',
    fixes:
      'for images `-- --mm-attention-backend triton_attn`, or an installation with the whole `sglang-kernel`',
  },
  /Can not import FA3 in sgl_kernel/,
  (_, { subject }) => ({
    cause: 'SGLang wants FlashAttention 3, and the installed sgl_kernel comes without it',
    fix:
      subject?.spec.argv.includes('--video-generation-worker') === true
        ? 'pip install --force-reinstall --no-deps sglang-kernel   # the wheel for this CUDA'
        : '-- --mm-attention-backend triton_attn   # or: pip install --force-reinstall --no-deps sglang-kernel',
  }),
);

/** Seen with SGLang 0.5.16 on an H200, with a diffusion language model of heads of 16. */
export const headSize = lineRule(
  {
    id: 'head-size',
    sees: '`save kv cache is not supported for fallback_rotary_embedding`',
    fixes: 'another model: its attention heads have a size that SGLang has no CUDA kernel for',
  },
  /save kv cache is not supported for fallback_rotary_embedding/,
  () => ({
    cause:
      'the attention heads of this model have a size other than 64, 128, 256 or 512, for which SGLang has no CUDA kernel',
    fix: '--model MODEL   # one with such heads; head_dim in its config.json',
  }),
);

/** A kernel read or wrote where it may not. Seen with SGLang 0.5.16 on an H200: heads of 12 in a video model. */
export const kernelFailed = lineRule(
  {
    id: 'kernel-failed',
    sees: '`CUDA error: misaligned address`, `an illegal memory access was encountered`, `device-side assert triggered`',
    fixes: '`--env CUDA_LAUNCH_BLOCKING=1` shows the call; another attention backend, or another model',
  },
  /CUDA error: (misaligned address|an illegal memory access was encountered|an illegal instruction was encountered|device-side assert triggered|unspecified launch failure)/,
  ({ groups }) => ({
    cause: `a kernel of SGLang failed on the GPU: ${groups[0]}`,
    fix: '--env CUDA_LAUNCH_BLOCKING=1   # the next log shows which; then try another one: -- --attention-backend triton',
  }),
);
