/** The processes of a run that a user named: by name, or by component for all its replicas; all when none is named. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import type { Plan } from '../plan/plan.ts';

/** Throws `usage` for a name that the run does not have. */
export function chosenProcesses(plan: Plan, asked: readonly string[]): Plan['processes'] {
  const names = plan.processes.map(({ name }) => name);
  for (const name of asked) {
    if (names.includes(name) || plan.processes.some(({ component }) => component === name)) continue;
    const meant = nearest(name, names);
    throw new DynamoError('usage', `Run ${plan.runId} has no process ${JSON.stringify(name)}.`, {
      hint: meant === undefined ? `its processes: ${names.join(', ')}` : `did you mean ${meant}?`,
    });
  }
  if (asked.length === 0) return plan.processes;
  return plan.processes.filter(({ name, component }) => asked.includes(name) || asked.includes(component));
}
