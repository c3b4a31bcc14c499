/** A flag that this version of the program does not have. */
import { lineRule } from '../log-lines.ts';

/** argparse (exit 2), and the frontend's own words (exit 1). Source: docs/upstream/processes.md#exit-codes. */
export const unknownFlag = lineRule(
  {
    id: 'unknown-flag',
    check: 'D28',
    sees: '`unrecognized arguments: --x`, `Unknown arguments specified`',
    fixes: 'leave the flag out, or an upstream version that has it',
  },
  /error: unrecognized arguments: (.+)$|Unknown arguments specified: \[(.+)\]/,
  ({ groups }, { subject }) => {
    const flags = /--[\w-]+/.exec(groups[0] || groups[1] || '')?.[0] ?? groups[0] ?? groups[1];
    const module = subject?.spec.argv.find((word) => /^dynamo\.\w+$/.test(word));
    return {
      cause: `the installed version of ${module ?? subject?.spec.name ?? 'this program'} has no flag ${flags}`,
      fix:
        module === undefined
          ? `leave ${flags} out`
          : `python -m ${module} --help   # shows what it has; leave ${flags} out`,
    };
  },
);
