/** NIXL, which moves the KV cache between prefill and decode, is missing or does not work here. */
import { lineRule } from '../log-lines.ts';

/** Source: upstream/sglang-on-cpu.md (NIXL_ERR_BACKEND), pains-and-doctor.md section 6 D27 (UCX). */
const broken =
  /NIXL_ERR_BACKEND|nixlBackendError|UCP API version is incompatible: required >= ([\d.]+)|NIXL is not available|Please install NIXL|No module named 'nixl/;

export const nixlBackend = lineRule(
  {
    id: 'nixl-backend',
    check: 'D27',
    sees: '`NIXL_ERR_BACKEND`, `UCP API version is incompatible`, `NIXL is not available`',
    fixes: 'a UCX that suits the wheel (`LD_LIBRARY_PATH`), `pip install nixl`, or another transfer backend',
  },
  broken,
  ({ line, groups }, { subject }) => {
    const component = subject?.spec.component ?? 'prefill';
    if (groups[0]) {
      return {
        cause: `an old UCX of the system hides the one in NIXL's wheel, which needs ${groups[0]} or newer`,
        fix: 'unset LD_LIBRARY_PATH   # or: apt remove libucx0',
      };
    }
    if (!/NIXL_ERR_BACKEND|nixlBackendError/.test(line)) {
      return { cause: 'NIXL is not installed in this Python environment', fix: 'pip install nixl' };
    }
    return {
      cause: 'NIXL cannot use the memory of this worker: it needs a GPU and a UCX with CUDA',
      fix: `--set components.${component}.transfer.backend=mooncake   # or: dynamo doctor --only D27`,
    };
  },
);
