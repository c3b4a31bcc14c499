/** Picks how progress is shown: a live list in a terminal, plain lines elsewhere, nothing when quiet. */
import type { Environment } from '../../base/environment.ts';
import type { Plan } from '../../plan/plan.ts';
import { type Progress, silentProgress } from '../../view/progress.ts';
import { progressLines } from '../../view/progress-lines.ts';

export async function startView(plan: Plan, quiet: boolean, environment: Environment): Promise<Progress> {
  if (quiet) return silentProgress;
  if (process.stderr.isTTY !== true || environment.TERM === 'dumb')
    return progressLines((text) => process.stderr.write(text));
  const { progressTasks } = await import('../../view/progress-tasks.ts');
  return progressTasks(plan);
}
