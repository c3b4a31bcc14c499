/** How long the end of a run may take, from its plan: nobody waits longer for who is at it. docs/limits.md states these. */
import type { Plan } from '../plan/plan.ts';

/** `down --now`: for an answer, and for the end that was promised. */
export const hurryMs = 2_000;
/** Of a run whose plan cannot be read. */
const unknownBudgetMs = 60_000;
/** Beyond the graces: SIGKILL and its proof, containers, keys in an etcd of others. */
const marginMs = 15_000;

/** In milliseconds, from the request to the end of the supervisor. */
export function stopLimitMs(plan: Plan | undefined): number {
  return (plan === undefined ? unknownBudgetMs : stopBudgetMs(plan)) + marginMs;
}

/** All graces, one wave after the other, within the plan's cap. */
function stopBudgetMs({ stopOrder, processes, stopTimeoutMs = Infinity }: Plan): number {
  const graces = stopOrder.map((wave) =>
    Math.max(0, ...processes.flatMap(({ name, stopGraceMs }) => (wave.includes(name) ? [stopGraceMs] : []))),
  );
  return Math.min(
    stopTimeoutMs,
    graces.reduce((sum, grace) => sum + grace, 0),
  );
}
