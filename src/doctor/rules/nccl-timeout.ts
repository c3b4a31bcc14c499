/** The GPUs of one worker waited for each other in vain. */
import { lineRule } from '../log-lines.ts';

export const ncclTimeout = lineRule(
  {
    id: 'nccl-timeout',
    check: 'D16',
    sees: '`Watchdog caught collective operation timeout`',
    fixes:
      '`--env NCCL_DEBUG=INFO` shows the rank that hangs; `--env NCCL_P2P_DISABLE=1` where GPUs cannot reach each other',
  },
  /Watchdog caught collective operation timeout.*OpType=(\w+)/,
  ({ groups }, { subject }) => ({
    cause: `the GPUs of ${subject?.spec.name ?? 'a worker'} waited for each other in vain (NCCL, ${groups[0]}): one of them hangs, or they cannot reach each other`,
    fix: '--env NCCL_P2P_DISABLE=1   # with --env NCCL_DEBUG=INFO the log names the rank that hangs',
  }),
);
