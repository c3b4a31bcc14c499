/** Shows steps that follow one another, each with the time it took: one interface for the terminal and for plain lines. */
import type { Clock } from '../base/clock.ts';
import { durationText } from '../base/duration.ts';

export interface StepView {
  /** What goes on right now; the next one replaces it. */
  caption(text: string): void;
  /** What the step came to; stays when it has ended. */
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
