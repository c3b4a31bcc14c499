/** `dynamo ps`: lists runs and their processes; with --watch, as `dynamo top` does. */
import type { Environment } from '../base/environment.ts';
import { durationText } from '../base/duration.ts';
import { DynamoError } from '../base/error.ts';
import { wholeNumber } from './flag-values.ts';
import { fitLines, terminalWidth } from '../view/wrap.ts';
import { hasEnded, historyTable, newestRuns, usualCount, whyEnded } from '../view/run-history.ts';
import { runFailures, runTable, runTroubles, type RunView } from '../view/run-table.ts';
import { styleFor } from '../view/style.ts';
import { measureOnce } from './ps/live-measures.ts';
import { clusterViews } from './kubernetes/ps-rows.ts';
import { addPlaceOptions, namesPlace, type PlaceFlags } from './kubernetes/place-options.ts';
import { requireLinux } from '../package/platform.ts';
import { lookAtRuns } from './ps/run-views.ts';
import { noRunsUp, watchRuns } from './top/watch-runs.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo ps                    list the runs that are up
  dynamo ps --all              one line a run, newest first, also those that have ended, and why
  dynamo ps --quiet            print only the ids of the runs that are up
  dynamo ps --watch            as dynamo top: refresh every second, with latencies, rates, queues and GPUs
  dynamo ps --json | jq '.runs[].processes[] | {name, state, memoryBytes}'

CPU is in percent of one core, over the life of a process; with --watch, since the last refresh. CPU and MEMORY include child
processes; shared memory is divided among the processes that use it. JSON also has the figures that the processes report,
since their start: docs/observability.md.

Deployments that dynamo up --on kubernetes created from this host are in the same table, with their pods. A cluster that
does not answer within 2 s gets a row that says so. --on, --context or --namespace: list everything dynamo created there.`;

interface PsFlags extends PlaceFlags {
  readonly all?: true;
  readonly allProcesses?: true;
  readonly last?: number;
  readonly quiet?: true;
  readonly json?: true;
  readonly watch?: true;
}

export const configure: Configure = (command, settle, environment) => {
  addPlaceOptions(command)
    .option('-a, --all', `one line a run: those that are up, and the last ${usualCount} that have ended`)
    .option('-n, --last <count>', 'as --all, with so many that have ended; or all of them', runCount)
    .option('--all-processes', 'list every process, also of runs that have ended')
    .option('-q, --quiet', 'print only ids of runs')
    .option('-w, --watch', 'refresh every second')
    .option('--json', 'print JSON; with --watch, one object per line')
    .addHelpText('after', examples)
    .action(async (flags: PsFlags) => settle(await ps(flags, environment)));
};

async function ps(flags: PsFlags, environment: Environment): Promise<number> {
  if (!namesPlace(flags)) requireLinux('ps');
  const wanted = { ended: endedWanted(flags) };
  if (flags.watch === true)
    return await watchRuns(flags, environment, { wanted, chosen: (all) => chosen(all, flags) });
  const [{ views: local, sample, others }, remote] = await Promise.all([
    lookAtRuns(environment, wanted),
    clusterViews(flags, environment),
  ]);
  const views = [...local, ...remote];
  const shown = chosen(views, flags);
  if (flags.json === true) {
    const runs = await measureOnce(environment, shown, sample);
    process.stdout.write(`${JSON.stringify({ version: 1, runs }, undefined, 2)}\n`);
  } else if (flags.quiet === true) {
    process.stdout.write(shown.map(({ runId }) => `${runId}\n`).join(''));
  } else if (shown.length === 0) {
    process.stderr.write(`${noRunsUp}\n${lastFailure(views)}`);
  } else {
    const style = styleFor(process.stdout, environment);
    const width = terminalWidth(process.stdout);
    process.stdout.write(
      isHistory(flags)
        ? `${fitLines(historyTable(shown, style, Date.now()), width)}\n`
        : `${runTable(shown, style, width)}\n${runTroubles(shown, style)}${runFailures(shown, style)}`,
    );
    const older = views.length - shown.length + others;
    if (isHistory(flags) && older > 0) process.stderr.write(`${older} older runs: dynamo ps --last all\n`);
  }
  return 0;
}

/** A deployment that ended by itself should not go unnoticed. */
function lastFailure(views: readonly RunView[]): string {
  const [last] = newestRuns(views, 1);
  if (last?.failure === undefined) return '';
  const when =
    last.endedAt === undefined ? '' : ` ${durationText(Date.now() - Date.parse(last.endedAt))} ago`;
  return `the last one, ${last.runId}, failed${when}: ${whyEnded(last)}\nfix: dynamo logs ${last.runId}\n`;
}

/** One at least: it may have failed. */
function endedWanted({ last, all, allProcesses, json }: PsFlags): number {
  if (last !== undefined) return Math.max(1, last);
  if (allProcesses === true || (all === true && json === true)) return Infinity;
  return all === true ? usualCount : 1;
}

/** For programs, JSON has all of them. */
function chosen(views: readonly RunView[], flags: PsFlags): RunView[] {
  if (flags.last !== undefined) return newestRuns(views, flags.last);
  if (flags.allProcesses === true || (flags.all === true && flags.json === true)) return [...views];
  return flags.all === true ? newestRuns(views, usualCount) : views.filter((view) => !hasEnded(view));
}

function isHistory({ all, last, allProcesses }: PsFlags): boolean {
  return (all === true || last !== undefined) && allProcesses !== true;
}

function runCount(text: string): number {
  const count = text === 'all' ? Infinity : wholeNumber(text, 0);
  if (count !== undefined) return count;
  throw new DynamoError('usage', `--last ${JSON.stringify(text)}: expected a number of runs, or all.`, {
    hint: 'dynamo ps --last 20   # for a namespace on Kubernetes: --namespace',
    fields: { option: '--last', asked: text },
  });
}
