/** The KV cache cannot be handed over with NIXL: it is missing, its UCX does not suit it, or there is no GPU. */
import { lastLine } from '../log-lines.ts';
import type { Rule } from '../rule.ts';

/** Source: docs/upstream/sglang-on-cpu.md#transfer. */
const failed = /NIXL_ERR_BACKEND|nixlBackendError/;
const missing = /NIXL is not available|Please install NIXL|No module named 'nixl/;
/**
 * Newer and older UCX. A warning, after which it mostly works: alone it is no cause.
 * Source: ai-dynamo/nixl#386; sgl-project/sglang#5709.
 */
const oldUcx = /UCP (?:API )?version is incompatible[:,] required:? (?:>= )?([\d.]+)/;

export const nixlBackend: Rule = {
  id: 'nixl-backend',
  check: 'D27',
  kind: 'cause',
  sees: '`NIXL_ERR_BACKEND` (and `UCP API version is incompatible` before it), `NIXL is not available`',
  fixes: 'a UCX that suits the wheel (`LD_LIBRARY_PATH`), `pip install nixl`, or another transfer backend',
  find: ({ subject }) => {
    if (subject === undefined) return undefined;
    const absent = lastLine(subject.lines, missing);
    if (absent !== undefined) {
      const cause = 'NIXL is not installed in this Python environment';
      return { cause, fix: 'pip install nixl', evidence: [absent.line] };
    }
    const error = lastLine(subject.lines, failed);
    if (error === undefined) return undefined;
    const ucx = lastLine(subject.lines, oldUcx);
    if (ucx !== undefined) {
      return {
        cause: `an old UCX of the system hides the one in NIXL's wheel, which needs ${ucx.groups[0]} or newer`,
        fix: 'unset LD_LIBRARY_PATH   # or: apt remove libucx0',
        evidence: [ucx.line, error.line],
      };
    }
    return {
      cause: 'NIXL cannot use the memory of this worker: it needs a GPU and a UCX with CUDA',
      fix: `--set components.${subject.spec.component}.transfer.backend=mooncake   # or: dynamo doctor --only D27`,
      evidence: [error.line],
    };
  },
};
