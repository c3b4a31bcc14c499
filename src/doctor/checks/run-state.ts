/** D29: records, locks and sockets of runs that ended without tidying up. */
import { type Check, ok, warn } from '../check.ts';
import type { RunFacts, StateFacts } from '../host-view.ts';
import { countText } from '../sizes.ts';

export const runState: Check = {
  id: 'D29',
  name: 'run-state',
  title: 'no dead run left locks or sockets',
  severity: 'warn',
  look: async (host) => {
    const state = await host.state();
    const lines = [
      ...emptyRuns(state).map(
        ({ runId, startedAt }) => `run ${runId} of ${dayOf(startedAt)}: its supervisor is gone`,
      ),
      ...state.stale.map(({ kind, file, proof }) => `${kind} ${file}: ${proof}`),
    ];
    if (lines.length === 0) return ok(`${countText(state.runs.length, 'run')} on record, nothing stale`);
    return warn(
      lines.length === 1 ? (lines[0] ?? '') : `${lines.length} things are stale: ${lines[0]}`,
      'dynamo doctor --fix --only run-state   # or dynamo clean; the next `dynamo up` takes them over anyway',
      lines.slice(1),
    );
  },
  mend: async (host) => {
    const state = await host.state();
    const reaped = await Promise.all(
      emptyRuns(state).map(async ({ runId }) => `tidied up after ${runId}: ${await state.reap(runId)}`),
    );
    return [...reaped, ...(await state.dropStale())];
  },
};

/** Dead ones of which nothing lives; the others are the business of orphans-ours. */
function emptyRuns({ runs }: StateFacts): RunFacts[] {
  return runs.filter(({ state, living }) => state === 'dead' && living.length === 0);
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}
