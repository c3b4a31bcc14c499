/** `dynamo top`: runs, their processes and what they do, refreshed every second, with keys. */
import type { Environment } from '../base/environment.ts';
import { runsNamed } from './ps/run-views.ts';
import { requireLinux } from '../package/platform.ts';
import { watchRuns, type WatchFlags } from './top/watch-runs.ts';
import { addPlaceOptions, namesPlace } from './kubernetes/place-options.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo top          watch all runs that are up; ? lists the keys, q quits
  dynamo top disagg   watch one run

The same as dynamo ps --watch. Where the output is no terminal, it prints the figures once, as dynamo stats does.
docs/observability.md says what the figures mean.`;

export const configure: Configure = (command, settle, environment) => {
  addPlaceOptions(command)
    .argument('[run]', 'name or id of a run; default: all that are up')
    .addHelpText('after', examples)
    .action(async (asked: string | undefined, flags: WatchFlags) =>
      settle(await top(asked, flags, environment)),
    );
};

async function top(asked: string | undefined, flags: WatchFlags, environment: Environment): Promise<number> {
  if (!namesPlace(flags)) requireLinux('top');
  if (!process.stdout.isTTY) {
    const { printStats } = await import('./stats.ts');
    return await printStats(asked, {}, environment);
  }
  return await watchRuns(flags, environment, runsNamed(asked, environment));
}
