/** A weight file is incomplete or damaged: mostly a download that was cut off. */
import { lineRule } from '../log-lines.ts';

export const weightsTorn = lineRule(
  {
    id: 'weights-torn',
    check: 'D22',
    sees: '`MetadataIncompleteBuffer`, `HeaderTooLarge`, `incomplete metadata, file not fully covered`',
    fixes: '`hf download --force-download MODEL`',
  },
  /MetadataIncompleteBuffer|InvalidHeaderLength|HeaderTooLarge|incomplete metadata, file not fully covered/,
  (_, { plan }) => ({
    cause: `a weight file of ${plan.model.path} is incomplete or damaged`,
    fix: `hf download --force-download ${plan.model.path}`,
  }),
);
