/** The GPU itself reports a fault of its memory. */
import { lineRule } from '../log-lines.ts';

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
    fix: 'nvidia-smi -q -d ECC,PAGE_RETIREMENT   # then another GPU: --gpus, until this one was reset',
  }),
);
