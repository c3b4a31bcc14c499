/** A flag has a value that the program does not take. */
import { lineRule } from '../log-lines.ts';

export const badFlagValue = lineRule(
  {
    id: 'bad-flag-value',
    check: 'D28',
    sees: '`error: argument --x: invalid choice`, `invalid int value`, `expected one argument`',
    fixes: 'a value that the message names',
  },
  /error: argument (--[\w-]+)(?:\/[^:]*)?: (invalid .+|expected one argument|expected .+)$/,
  ({ groups }, { subject }) => ({
    cause: `${subject?.spec.name ?? 'the process'} does not take this value of ${groups[0]}: ${(groups[1] ?? '').slice(0, 160)}`,
    fix: `give ${groups[0]} another value, or leave it out`,
  }),
);
