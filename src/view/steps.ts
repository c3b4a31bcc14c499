/** Shows steps that follow one another, each with the time it took: as a live list in a terminal, as plain lines elsewhere. */
import { type Clock, systemClock } from '../base/clock.ts';
import type { Environment } from '../base/environment.ts';
import { durationText } from '../base/duration.ts';

export interface StepView {
  /** What is being done right now; replaced by the next one. */
  caption(text: string): void;
  /** The result of the step; stays when the step has ended. */
  title(text: string): void;
}

export interface Steps {
  /** Passes on what `work` returns or throws. */
  step<T>(title: string, work: (view: StepView) => Promise<T>): Promise<T>;
}

/** A line when a step has ended, for logs, pipes and CI. */
export function stepLines(write: (text: string) => void, clock: Clock): Steps {
  return {
    step: async (title, work) => {
      let shown = title;
      const startedAt = clock.now();
      const result = await work({ caption: () => {}, title: (text) => (shown = text) });
      write(`${shown} [${durationText(clock.now() - startedAt)}]\n`);
      return result;
    },
  };
}

export const silentSteps: Steps = {
  step: async (_, work) => await work({ caption: () => {}, title: () => {} }),
};

/** The one of the two that fits stderr. */
export async function chooseSteps(environment: Environment): Promise<Steps> {
  if (process.stderr.isTTY !== true || environment.TERM === 'dumb')
    return stepLines((text) => process.stderr.write(text), systemClock);
  const { stepTasks } = await import('./live-tasks.ts');
  return stepTasks();
}
