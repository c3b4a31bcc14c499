/** D03: processes that a run of ours left when its supervisor was killed. */
import { type Check, fail, ok } from '../check.ts';
import { countText, mibText } from '../sizes.ts';

export const orphansOurs: Check = {
  id: 'D03',
  name: 'orphans-ours',
  title: 'no process of a dead run is alive',
  severity: 'fail',
  look: async (host) => {
    const { runs } = await host.state();
    const orphaned = runs.filter(({ state, living }) => state === 'dead' && living.length > 0);
    if (orphaned.length === 0)
      return ok(`${countText(runs.length, 'run')} on record, none left a process behind`);
    const { holders = [] } = await host.gpus();
    const lines = orphaned.map(({ runId, living }) => {
      const pids = new Set(living.map(({ pid }) => pid));
      const held = holders.reduce((sum, { pid, usedMiB = 0 }) => sum + (pids.has(pid) ? usedMiB : 0), 0);
      const names = living.map(({ pid, process }) => `${process} ${pid}`).join(', ');
      return `${runId}: ${names}${held > 0 ? `, holding ${mibText(held)} of GPU memory` : ''}`;
    });
    const count = orphaned.reduce((sum, { living }) => sum + living.length, 0);
    return fail(
      `${countText(count, 'process')} of ${countText(orphaned.length, 'dead run')} still there: ${lines[0]}`,
      'dynamo clean   # or dynamo doctor --fix --only orphans-ours; the next `dynamo up` does it, too',
      lines.slice(1),
    );
  },
  mend: async (host) => {
    const { runs, reap } = await host.state();
    const orphaned = runs.filter(({ state, living }) => state === 'dead' && living.length > 0);
    return await Promise.all(orphaned.map(async ({ runId }) => `${runId}: ${await reap(runId)}`));
  },
};
