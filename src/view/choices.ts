/** The first lines of `up` and of `plan`: what was chosen, and why. */
import { ignoredVariables } from '../plan/infra-access.ts';
import type { ChalkInstance } from 'chalk';
import type { Plan } from '../plan/plan.ts';

export function choiceLines(plan: Plan, style: ChalkInstance): string[] {
  const width = Math.max(...plan.choices.map(({ what }) => what.length));
  const lines = plan.choices.map(
    ({ what, value, because }) =>
      `${style.dim(what.padEnd(width))}  ${style.bold(value)}  ${style.dim(because)}`,
  );
  const ignored = ignoredVariables(plan);
  if (ignored.length === 0) return lines;
  return [...lines, style.dim(`${'ignored'.padEnd(width)}  ${ignored.join(', ')}: the plan decides these`)];
}
