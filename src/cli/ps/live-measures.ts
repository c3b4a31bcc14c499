/** Live figures for `ps --watch`, read in the background at each refresh: metrics of processes, and their GPUs. */
import type { Environment } from '../../base/environment.ts';
import { scrape, scrapeGpus, type ScrapeTarget, scrapeTargets } from '../../deployment/scrape.ts';
import { type Figures, figures, type ProcessFigures } from '../../metrics/figures.ts';
import { type GpuUse, type Round, withRound } from '../../metrics/window.ts';
import type { Plan } from '../../plan/plan.ts';
import type { Usage } from '../../process/usage.ts';
import type { RunView } from '../../view/run-table.ts';
import type { UsageSample } from './run-views.ts';

export interface Measures {
  /** The views with the figures known by now; asks for new ones without waiting for them. */
  add(views: readonly RunView[], usage: UsageSample): RunView[];
}

interface Measured {
  readonly targets: readonly ScrapeTarget[];
  rounds: readonly Round[];
  gpus: ReadonlyMap<string, GpuUse>;
}

export function createMeasures(environment: Environment): Measures {
  const runs = new Map<string, Measured>();
  const asked = new Set<string>();

  const once = (key: string, ask: () => Promise<void>): void => {
    if (asked.has(key)) return;
    asked.add(key);
    void ask().finally(() => asked.delete(key));
  };
  const measuredOf = (runId: string, plan: Plan): Measured => {
    const run = runs.get(runId) ?? { targets: scrapeTargets(plan), rounds: [], gpus: new Map() };
    runs.set(runId, run);
    return run;
  };
  const ask = (runId: string, run: Measured, living: ReadonlyMap<string, Usage>): void => {
    const targets = run.targets.filter(({ name }) => living.has(name));
    once(runId, async () => {
      run.rounds = withRound(run.rounds, await scrape(targets));
    });
    once(`${runId} GPUs`, async () => {
      const pids = new Map(
        [...living].map(([name, usage]): [string, readonly number[]] => [name, usage.pids]),
      );
      run.gpus = await scrapeGpus(environment, targets, pids);
    });
  };

  return {
    add: (views, { byRun, plans }) =>
      views.map((view) => {
        const plan = plans.get(view.runId);
        if (plan === undefined) return view;
        const run = measuredOf(view.runId, plan);
        const living = byRun.get(view.runId) ?? new Map<string, Usage>();
        ask(view.runId, run, living);
        const { processes, ...about } = figuresOf(run, living);
        const byName = new Map(processes.map((each): [string, ProcessFigures] => [each.name, each]));
        return {
          ...view,
          figures: about,
          processes: view.processes.map((each) => {
            const known = byName.get(each.name);
            return known === undefined ? each : { ...each, figures: known };
          }),
        };
      }),
  };
}

/** What a process said before it died is not shown. */
function figuresOf({ rounds, gpus, targets }: Measured, living: ReadonlyMap<string, Usage>): Figures {
  const latest = rounds.at(-1);
  if (latest === undefined) return figures([], targets);
  const readings = new Map([...latest.readings].filter(([name]) => living.has(name)));
  const now = { ...latest, readings, gpus: new Map([...gpus].filter(([name]) => living.has(name))) };
  return figures([...rounds.slice(0, -1), now], targets);
}
