/** The figures of runs: read in the background at each refresh, or once for a script. */
import type { Environment } from '../../base/environment.ts';
import {
  scrape,
  scrapeGpus,
  scrapeWithinMs,
  type ScrapeTarget,
  scrapeTargets,
} from '../../deployment/scrape.ts';
import { type Figures, figures, type ProcessFigures } from '../../metrics/figures.ts';
import { type GpuUse, type Round, withRound } from '../../metrics/window.ts';
import type { Plan } from '../../plan/plan.ts';
import { monotonicMs } from '../../run/protocol.ts';
import type { Usage } from '../../process/usage.ts';
import type { RunView } from '../../view/run-table.ts';
import type { UsageSample } from './run-views.ts';

export interface Measures {
  /** The views with the figures known by now; asks for new ones without waiting for them. */
  add(views: readonly RunView[], usage: UsageSample): RunView[];
  /** The same, but waits for the new ones. */
  look(views: readonly RunView[], usage: UsageSample): Promise<RunView[]>;
  /** What the processes of a run did since their start, as they last said. */
  sinceStart(runId: string): RunView['figures'];
}

interface Measured {
  targets: readonly ScrapeTarget[];
  rounds: readonly Round[];
  gpus: ReadonlyMap<string, GpuUse>;
  gpusAskedAt: number;
  asking: Promise<void> | undefined;
}

type Living = ReadonlyMap<string, Usage>;

/** nvidia-smi takes longer than all scrapes together. */
const gpusEveryMs = 2_000;

/** `withinMs`: the time that all processes have to answer. */
export function createMeasures(environment: Environment, withinMs = scrapeWithinMs): Measures {
  const runs = new Map<string, Measured>();
  const asked = new Map<string, Promise<void>>();

  const once = async (key: string, ask: () => Promise<void>): Promise<void> => {
    const running = asked.get(key) ?? ask().finally(() => asked.delete(key));
    asked.set(key, running);
    await running;
  };
  const measuredOf = (runId: string, plan: Plan): Measured => {
    const targets = scrapeTargets(plan);
    const run: Measured = runs.get(runId) ?? {
      targets,
      rounds: [],
      gpus: new Map(),
      gpusAskedAt: -Infinity,
      asking: undefined,
    };
    // The plan of a run may have changed.
    run.targets = targets;
    runs.set(runId, run);
    return run;
  };
  const ask = async (runId: string, run: Measured, living: Living): Promise<void> => {
    const targets = targetsOf(run, living);
    const scraped = once(runId, async () => {
      run.rounds = withRound(run.rounds, await scrape(targets, { withinMs }));
    });
    const now = monotonicMs();
    if (now - run.gpusAskedAt >= gpusEveryMs) {
      run.gpusAskedAt = now;
      run.asking = scrapeGpus(environment, targets, pidsOf(living)).then((gpus) => void (run.gpus = gpus));
    }
    await Promise.all([scraped, run.asking]);
  };
  /** Asks for new figures; `then` gives those that are known when it is called. */
  const each = (views: readonly RunView[], { byRun, plans }: UsageSample) =>
    views.map((view) => {
      const plan = plans.get(view.runId);
      if (plan === undefined) return { asked: Promise.resolve(), now: () => view };
      const run = measuredOf(view.runId, plan);
      const living = byRun.get(view.runId) ?? new Map<string, Usage>();
      return { asked: ask(view.runId, run, living), now: () => withFigures(view, figuresOf(run, living)) };
    });

  return {
    add: (views, usage) => each(views, usage).map(({ now }) => now()),
    look: async (views, usage) => {
      const looks = each(views, usage);
      await Promise.all(looks.map((look) => look.asked));
      return looks.map(({ now }) => now());
    },
    sinceStart: (runId) => {
      const run = runs.get(runId);
      if (run === undefined) return undefined;
      const { processes: _, ...about } = figures(run.rounds.slice(-1), run.targets);
      return about;
    },
  };
}

/** The views with what their processes did since their start. */
export async function measureOnce(
  environment: Environment,
  views: readonly RunView[],
  { byRun, plans }: UsageSample,
): Promise<RunView[]> {
  return await Promise.all(
    views.map(async (view) => {
      const plan = plans.get(view.runId);
      const living = byRun.get(view.runId) ?? new Map<string, Usage>();
      if (plan === undefined || living.size === 0) return view;
      const targets = targetsOf({ targets: scrapeTargets(plan) }, living);
      const [round, gpus] = await Promise.all([
        scrape(targets),
        scrapeGpus(environment, targets, pidsOf(living)),
      ]);
      return withFigures(view, figures([{ ...round, gpus }], scrapeTargets(plan)));
    }),
  );
}

/** Another program may use the port of a dead process by now. */
function targetsOf({ targets }: Pick<Measured, 'targets'>, living: Living): ScrapeTarget[] {
  return targets.filter(({ name }) => living.has(name));
}

function pidsOf(living: Living): ReadonlyMap<string, readonly number[]> {
  return new Map([...living].map(([name, { pids }]): [string, readonly number[]] => [name, pids]));
}

/** What a process said before it died is not shown. */
function figuresOf({ rounds, gpus, targets }: Measured, living: Living): Figures {
  const latest = rounds.at(-1);
  if (latest === undefined) return figures([], targets);
  const readings = new Map([...latest.readings].filter(([name]) => living.has(name)));
  const now = { ...latest, readings, gpus: new Map([...gpus].filter(([name]) => living.has(name))) };
  return figures([...rounds.slice(0, -1), now], targets);
}

function withFigures(view: RunView, { processes, ...about }: Figures): RunView {
  const byName = new Map(processes.map((each): [string, ProcessFigures] => [each.name, each]));
  return {
    ...view,
    figures: about,
    processes: view.processes.map((each) => {
      const known = byName.get(each.name);
      return known === undefined ? each : { ...each, figures: known };
    }),
  };
}
