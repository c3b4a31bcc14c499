/** One sampler for each run that is up, from when it appears until it has ended. */
import { isAlive } from '../process/identity.ts';
import type { Workspace } from '../run/folders.ts';
import { readPlan, storedRuns } from '../run/record.ts';
import { openSampler, type Sampler } from './sampler.ts';

export interface Samplers {
  /** `undefined` for a run that has ended, or whose plan cannot be read. */
  of(runId: string): Sampler | undefined;
  end(): void;
}

/** A run that starts is sampled from then on, whether or not somebody looks. */
const lookMs = 5_000;

export function openSamplers({ folders, environment }: Workspace): Samplers {
  const open = new Map<string, Sampler>();
  const look = (): void => {
    const live = storedRuns(folders, isAlive).filter(({ record }) => record.endedAt === undefined);
    for (const run of live) {
      if (open.has(run.record.runId)) continue;
      const plan = readPlan(run.files);
      if (plan !== undefined) open.set(run.record.runId, openSampler({ run, plan, environment }));
    }
    const ids = new Set(live.map(({ record }) => record.runId));
    for (const [runId, sampler] of open) {
      if (ids.has(runId)) continue;
      sampler.end();
      open.delete(runId);
    }
  };
  look();
  const timer = setInterval(look, lookMs);
  return {
    of: (runId) => {
      if (!open.has(runId)) look();
      return open.get(runId);
    },
    end: () => {
      clearInterval(timer);
      for (const sampler of open.values()) sampler.end();
    },
  };
}
