/** Progress in a terminal, drawn by listr2 on stderr: one task per process of a run, or one per step of a setup. */
import { DefaultRenderer, Listr, type ListrTask, ListrLogger, PRESET_TIMER, ProcessOutput } from 'listr2';
import { withoutControls } from '../base/terminal-text.ts';
import { indexAt } from './wrap.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { type Plan, startsAfter } from '../plan/plan.ts';
import { exitText } from '../supervisor/failure.ts';
import type { RunEvent } from '../supervisor/events.ts';
import { doingText } from '../supervisor/progress.ts';
import { phases } from '../supervisor/start-phases.ts';
import { firstPhaseOf } from '../supervisor/timings.ts';
import type { Progress } from './progress.ts';
import type { Steps, StepView } from './steps.ts';

const proving = 'proof that it serves';

/** listr2 asks whether stdout is a terminal; it draws on stderr here, and stdout may be a pipe: `dynamo up -d | head`. */
class OnStderr extends DefaultRenderer {
  static override nonTTY = true;
}

/** A start that takes longer than this shows for how long, and the last line of the log: loading a model takes minutes. */
const patienceMs = 2_000;
const refreshMs = 1_000;

/** What a task shows: a title that may change, how long it has been there, and below it the end of its log. */
interface Caption {
  title: string;
  readonly since: number;
  readonly show: (title: string, below: string) => void;
}

/** Draws on stderr until the run is ready, has failed, or is being stopped. `lastLine`: of the log of a process. */
export function progressTasks(plan: Plan, lastLine: (process: string) => string | undefined): Progress {
  const names = [...plan.processes.map(({ name }) => name), proving];
  const outcomes = new Map(names.map((name) => [name, deferred<void>()]));
  const pending = new Set(names);
  for (const [name, { promise }] of outcomes) {
    const settled = (): void => void pending.delete(name);
    promise.then(settled, settled);
  }
  const captions = new Map<string, Caption>();
  const timer = setInterval(() => {
    for (const name of pending) {
      const caption = captions.get(name);
      const waitedMs = caption === undefined ? 0 : Date.now() - caption.since;
      if (caption === undefined || waitedMs < patienceMs) continue;
      const line = name === proving ? undefined : lastLine(name);
      const below =
        line === undefined
          ? ''
          : withoutControls(line)
              .replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z\s+/, '')
              .trim();
      const room = (process.stderr.columns ?? 80) - 6;
      caption.show(`${caption.title} ${Math.floor(waitedMs / 1000)} s`, below.slice(0, indexAt(below, room)));
    }
  }, refreshMs);
  const list = new Listr(
    names.map((name) => task(name, titleOf(name, plan), outcomes, captions)),
    {
      renderer: OnStderr,
      concurrent: true,
      exitOnError: false,
      // Its own SIGINT handler would exit before our children are gone.
      registerSignalListeners: false,
      rendererOptions: {
        collapseErrors: false,
        timer: PRESET_TIMER,
        logger: new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) }),
      },
    },
  );
  const drawn = list.run().catch(() => {});
  return {
    show: (event) => settle(event, plan, outcomes, captions),
    end: async () => {
      clearInterval(timer);
      for (const outcome of outcomes.values()) outcome.reject(new Error('stopped'));
      await drawn;
    },
  };
}

/** Its time counts from the beginning, also while it waits for others. */
function titleOf(name: string, plan: Plan): string {
  const spec = plan.processes.find((each) => each.name === name);
  const edges = spec === undefined ? [] : startsAfter(spec, plan);
  if (edges.length === 0) return name;
  return `${name} waits for ${edges.map(({ process, condition }) => `${process} to be ${condition}`).join(', ')}`;
}

function task(
  name: string,
  title: string,
  outcomes: ReadonlyMap<string, Deferred<void>>,
  captions: Map<string, Caption>,
): ListrTask<unknown, typeof OnStderr> {
  const outcome = outcomes.get(name);
  // A rejection may come before listr2 listens.
  outcome?.promise.catch(() => {});
  return {
    title,
    task: (_, self) => {
      const show = (shown: string, below: string): void => {
        self.title = shown;
        if (below !== '') self.output = below;
      };
      captions.set(name, { title, since: Date.now(), show });
      return outcome?.promise;
    },
  };
}

function settle(
  event: RunEvent,
  plan: Plan,
  outcomes: ReadonlyMap<string, Deferred<void>>,
  captions: ReadonlyMap<string, Caption>,
): void {
  const say = (name: string, title: string): void => {
    const caption = captions.get(name);
    if (caption === undefined) return;
    caption.title = title;
    caption.show(title, '');
  };
  if (event.type === 'process') {
    const { process, state, pid, exit } = event;
    if (state === 'started') say(process, `${process} (pid ${pid})${atFirst(process, plan)}`);
    if (state === 'ready') {
      // Without the seconds: the time that it took stands behind it.
      say(process, process);
      outcomes.get(process)?.resolve();
    }
    if (state === 'failed' && exit !== undefined)
      outcomes.get(process)?.reject(new Error(`${process} ${exitText(exit)}`));
  }
  if (event.type === 'progress') {
    const { process, progress } = event;
    say(process, `${process} is ${doingText(progress)}`);
  }
  if (event.type === 'waiting') say(proving, `waiting for ${event.for}`);
  if (event.type === 'ready') {
    say(proving, `${proving}: ${event.proof.request}`);
    outcomes.get(proving)?.resolve();
  }
}

/** Python imports for up to a minute without a word. */
function atFirst(name: string, { processes }: Plan): string {
  const spec = processes.find((each) => each.name === name);
  const phase = spec === undefined ? 'unknown' : firstPhaseOf(spec);
  return phase === 'unknown' ? '' : ` is ${phases[phase].doing}`;
}

const keyOf = (runId: string, process: string): string => `${runId}/${process}`;

/** The runs that are being stopped, drawn together: one task per process. */
export function stopTasks(runs: readonly Plan[]): { of(runId: string): Progress; end(): Promise<void> } {
  const rows = runs.flatMap(({ runId, name, processes }) =>
    processes.map((spec) => ({
      key: keyOf(runId, spec.name),
      title: runs.length === 1 ? spec.name : `${name}/${spec.name}`,
    })),
  );
  const outcomes = new Map(rows.map(({ key }) => [key, deferred<void>()]));
  const list = new Listr(
    rows.map(({ key, title }) => ({ title, task: () => outcomes.get(key)?.promise })),
    {
      renderer: OnStderr,
      concurrent: true,
      registerSignalListeners: false,
      rendererOptions: {
        timer: PRESET_TIMER,
        logger: new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) }),
      },
    },
  );
  const drawn = list.run().catch(() => {});
  return {
    of: (runId) => ({
      show: (event) => {
        if (event.type === 'process' && event.state === 'stopped')
          outcomes.get(keyOf(runId, event.process))?.resolve();
      },
      end: async () => {},
    }),
    end: async () => {
      for (const outcome of outcomes.values()) outcome.resolve();
      await drawn;
    },
  };
}

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
          renderer: OnStderr,
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
