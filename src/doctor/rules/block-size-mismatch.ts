/** Two workers of one model and component disagree about the model card, mostly about the size of a KV block. */
import { flagValue, seen } from '../log-lines.ts';
import type { ObservedProcess, Rule } from '../rule.ts';

/** Said by the frontend, 1.1.1 and 1.6.1. Source: docs/upstream/frontend.md#workers-that-do-not-match. */
const rejected =
  /Checksum for new worker does not match existing WorkerSet's checksum|Rejected incompatible workers/;

export const blockSizeMismatch: Rule = {
  id: 'block-size-mismatch',
  check: 'D12',
  kind: 'cause',
  sees: '`Checksum for new worker does not match`, `Rejected incompatible workers`',
  fixes: 'the same `pageSize` and model settings for all workers of a component',
  find: (situation) => {
    const found = seen(situation, rejected);
    if (found === undefined) return undefined;
    const sizes = [situation.subject, ...situation.others].flatMap(blockSize);
    const differ = new Set(sizes.map(({ size }) => size)).size > 1;
    const shown = sizes.map(({ name, size }) => `${name}: ${size}`).join(', ');
    return {
      cause: differ
        ? `workers of one model use KV blocks of different sizes (${shown}), and the frontend takes only those like the first`
        : 'workers of one model disagree about its settings, and the frontend takes only those like the first',
      evidence: [found.line],
      fix: '--set components.X.pageSize=16   # the same for every worker of the model',
    };
  },
};

function blockSize(process: ObservedProcess | undefined): { name: string; size: string }[] {
  const argv = process?.spec.argv ?? [];
  const size = flagValue(argv, '--page-size') ?? flagValue(argv, '--block-size');
  return process === undefined || size === undefined ? [] : [{ name: process.spec.name, size }];
}
