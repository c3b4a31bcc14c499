/** NCCL failed to connect the GPUs of one worker. */
import { lineRule } from '../log-lines.ts';

export const ncclError = lineRule(
  {
    id: 'nccl-error',
    check: 'D13',
    sees: '`NCCL error: unhandled system error` (or cuda error), `ncclInvalidUsage`',
    fixes: '`--env NCCL_DEBUG=WARN`, which makes NCCL say the reason',
  },
  /NCCL error: (unhandled \w+ error|invalid usage|internal error)|(nccl(?:System|UnhandledCuda|Internal|InvalidUsage|Remote)\w*):/,
  ({ groups }, { subject }) => ({
    cause: `NCCL could not connect the GPUs of ${subject?.spec.name ?? 'a worker'} (${groups[0] || groups[1]})`,
    fix: '--env NCCL_DEBUG=WARN   # makes NCCL write the reason into the log',
  }),
);
