/** The choices that were made for a plan, each with its reason: the first lines of `up` and `plan`. */
import type { ChalkInstance } from 'chalk';
import { ignoredVariables } from '../plan/infra-access.ts';
import type { Plan } from '../plan/plan.ts';

export function choiceLines(plan: Plan, style: ChalkInstance): string[] {
  const width = Math.max(...plan.choices.map(({ what }) => what.length));
  const lines = plan.choices.map(
    ({ what, value, because }) =>
      `${style.dim(what.padEnd(width))}  ${style.bold(value)}  ${style.dim(because)}`,
  );
  const ignored = ignoredVariables(plan);
  if (ignored.length === 0) return lines;
  return [...lines, style.dim(`${'ignored'.padEnd(width)}  ${ignored.join(', ')} (the plan sets these)`)];
}
