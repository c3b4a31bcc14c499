/** Decode lost its prefill worker. */
import { lineRule } from '../log-lines.ts';

export const prefillLost = lineRule(
  {
    id: 'prefill-lost',
    check: 'D05',
    kind: 'consequence',
    sees: '`Lost connection with prefill instance`',
    fixes: '`dynamo logs prefill`',
  },
  /Lost connection with prefill instance \(bootstrap_addr: ([^)]+)\)/,
  ({ groups }, { others }) => {
    const prefill = others.find(({ spec }) => spec.mode === 'prefill')?.spec.name ?? 'prefill';
    return {
      cause: `decode lost the connection to ${prefill} at ${groups[0]}`,
      fix: `dynamo logs ${prefill} --tail 100`,
    };
  },
);
