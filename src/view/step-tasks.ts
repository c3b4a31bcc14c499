/** Steps in a terminal: the one that runs, with what it does right now and its elapsed time, drawn by listr2. */
import { Listr, ListrLogger, PRESET_TIMER, ProcessOutput } from 'listr2';
import type { Steps, StepView } from './steps.ts';

/** Drawn by listr2 on stderr. */
export function stepTasks(): Steps {
  return {
    step: async <T>(title: string, work: (view: StepView) => Promise<T>): Promise<T> => {
      const results: T[] = [];
      const list = new Listr(
        {
          title,
          task: async (_, self) => {
            results.push(
              await work({
                caption: (text) => (self.output = text),
                title: (text) => (self.title = text),
              }),
            );
          },
        },
        {
          // Its own SIGINT handler would exit before our children are gone.
          registerSignalListeners: false,
          rendererOptions: {
            // The error is shown once, by what ends the command.
            showErrorMessage: false,
            timer: PRESET_TIMER,
            logger: new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) }),
          },
        },
      );
      await list.run();
      const [result] = results;
      // Only a step that throws gives none, and then run() has thrown.
      return result as T;
    },
  };
}
