/** The chosen way to hand over the KV cache is none that this role supports. */
import { lineRule } from '../log-lines.ts';

export const transferBackend = lineRule(
  {
    id: 'transfer-backend',
    check: 'D27',
    sees: "`Prefill server does not support 'fake' as the transfer backend`",
    fixes: '`--set components.X.transfer.backend=nixl`',
  },
  /does not support '([^']+)' as the transfer backend/,
  ({ groups }, { subject }) => ({
    cause: `${subject?.spec.mode ?? 'this'} workers cannot hand over the KV cache by ${groups[0]}`,
    fix: `--set components.${subject?.spec.component ?? 'prefill'}.transfer.backend=nixl`,
  }),
);
