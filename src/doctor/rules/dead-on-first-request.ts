/** A worker was up and its model listed, and the first real request ended it. */
import type { Rule } from '../rule.ts';

/** Source: docs/upstream/sglang-on-cpu.md#dead-on-the-first-request. */
export const deadOnFirstRequest: Rule = {
  id: 'dead-on-first-request',
  kind: 'consequence',
  sees: 'a worker that was ready and ended while the proving request was under way',
  fixes: 'the last lines of its log name the kernel or library that failed',
  find: ({ failure, subject }) => {
    if (failure.exit === undefined || failure.duringProof !== true) return undefined;
    if (subject === undefined || subject.spec.name !== failure.process) return undefined;
    const last = subject.lines.findLast((line) => /^\w[\w.]*(?:Error|Exception)\b.*:/.test(line));
    return {
      cause: `${subject.spec.name} was up and its model listed, but the first request ended it`,
      evidence: last === undefined ? [failure.message] : [last],
      fix: `dynamo logs ${subject.spec.name} --tail 100`,
      ...(last === undefined ? { fromOutside: true as const } : {}),
    };
  },
};
