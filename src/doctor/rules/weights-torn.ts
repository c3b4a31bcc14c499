/** A weight file is incomplete or damaged: mostly a download that was cut off. */
import { lineRule } from '../log-lines.ts';

export const weightsTorn = lineRule(
  {
    id: 'weights-torn',
    check: 'D22',
    sees: '`Error while deserializing header` of a safetensors file: `incomplete metadata`, `header too small`',
    fixes: '`hf download --force-download MODEL`',
  },
  /Error while deserializing header: |incomplete metadata, file not fully covered/,
  (_, { plan }) => ({
    cause: `a weight file of ${plan.model.path} is incomplete or damaged`,
    fix: `hf download --force-download ${plan.model.path}`,
  }),
);
