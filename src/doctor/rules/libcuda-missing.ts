/** There is no NVIDIA driver here, or the container does not get it. */
import { lineRule } from '../log-lines.ts';

export const libcudaMissing = lineRule(
  {
    id: 'libcuda-missing',
    check: 'D15',
    sees: '`No accelerator (CUDA, …) is available`, `libcuda.so.1: cannot open shared object file`, `Found no NVIDIA driver on your system`',
    fixes: '`docker run --gpus all`, a driver, or `--engine sim`',
  },
  /No accelerator \(CUDA, XPU|libcuda\.so(?:\.1)?: cannot open shared object file|Found no NVIDIA driver on your system|No CUDA GPUs are available|Can't initialize NVML|Failed to initialize NVML|0 active drivers/,
  () => ({
    cause: 'no NVIDIA driver is found here: this host has no GPU, or the container was started without it',
    fix: 'docker run --gpus all …   # on the host itself: install the driver; without a GPU: --engine sim',
  }),
);
