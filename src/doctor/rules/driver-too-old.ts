/** The NVIDIA driver is older than the CUDA that PyTorch was built for. */
import { lineRule } from '../log-lines.ts';

const tooOld =
  /NVIDIA driver on your system is too old \(found version (\d+)\)|CUDA driver version is insufficient for CUDA runtime version|Error 803: system has unsupported display driver/;

export const driverTooOld = lineRule(
  {
    id: 'driver-too-old',
    check: 'D14',
    sees: '`The NVIDIA driver on your system is too old`, `CUDA driver version is insufficient`, `Error 803`',
    fixes: 'a newer driver, or a PyTorch built for the CUDA of this one',
  },
  tooOld,
  ({ line, groups }) => {
    const version = Number(groups[0]);
    const cuda = groups[0] ? `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}` : undefined;
    if (line.includes('Error 803')) {
      return {
        cause:
          'the CUDA libraries that are found do not belong to this driver: mostly a compat or stubs folder in LD_LIBRARY_PATH',
        fix: 'unset LD_LIBRARY_PATH',
      };
    }
    return {
      cause: `the NVIDIA driver is older than the CUDA that PyTorch was built for${cuda === undefined ? '' : `: it supports CUDA ${cuda}`}`,
      fix: 'nvidia-smi   # shows the CUDA it supports; install a newer driver, or PyTorch for that CUDA',
    };
  },
);
