/** `dynamo stats`: the figures of runs, once or again and again, for people and for scripts. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '../base/environment.ts';
import { requireLinux } from '../package/platform.ts';
import type { RunView } from '../view/run-table.ts';
import { styleFor } from '../view/style.ts';
import { runLines, sortings } from '../view/top-screen.ts';
import { terminalWidth } from '../view/wrap.ts';
import { createMeasures } from './ps/live-measures.ts';
import { type Choice, lookAtRuns, runsNamed } from './ps/run-views.ts';
import { noRunsUp, watchRuns } from './top/watch-runs.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo stats                 the figures of all runs that are up
  dynamo stats disagg          of one run
  dynamo stats --json | jq '.runs[0].sinceStart.deployment.ttftMs'
  dynamo stats --watch --json  one line a second, until Ctrl-C

Rates are of one second, with --watch of the last minute. Latencies, errors and cache hits are since the start of the
processes, with --watch of the last minute. In JSON, figures has those of the window and sinceStart the others; a figure
that is not known is absent. docs/observability.md says what they mean.`;

interface StatsFlags {
  readonly json?: true;
  readonly watch?: true;
}

/** Between the two looks that rates stand on. */
const windowMs = 1_000;
/** Nobody waits for the next refresh: a busy process gets more time than in `top`. */
const answerWithinMs = 2_000;

export const configure: Configure = (command, settle, environment) => {
  command
    .argument('[run]', 'name or id of a run; default: all that are up')
    .option('--json', 'print JSON; with --watch, one object per line')
    .option('-w, --watch', 'again every second')
    .addHelpText('after', examples)
    .action(async (asked: string | undefined, flags: StatsFlags) =>
      settle(await printStats(asked, flags, environment)),
    );
};

type StatsView = RunView & { readonly sinceStart: RunView['figures'] };

export async function printStats(
  asked: string | undefined,
  flags: StatsFlags,
  environment: Environment,
): Promise<number> {
  requireLinux('stats');
  const choice = runsNamed(asked, environment);
  if (flags.watch === true) return await watchRuns(flags, environment, choice);
  const runs = await measured(environment, choice);
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify({ version: 1, runs }, undefined, 2)}\n`);
  } else if (runs.length === 0) {
    process.stderr.write(`${noRunsUp}\n`);
  } else {
    process.stdout.write(`${runs.map((run) => textOf(run, environment)).join('\n\n')}\n`);
  }
  return 0;
}

/** Looks twice, so that there are rates. */
async function measured(environment: Environment, { wanted, chosen }: Choice): Promise<StatsView[]> {
  const measures = createMeasures(environment, answerWithinMs);
  const first = await lookAtRuns(environment, wanted);
  const up = chosen(first.views);
  if (up.length === 0) return [];
  await measures.look(up, first.sample);
  await delay(windowMs);
  const { views, sample } = await lookAtRuns(environment, wanted, first.sample);
  const shown = chosen(views);
  const now = await measures.look(shown, sample);
  return now.map((view) => ({ ...view, sinceStart: measures.sinceStart(view.runId) }));
}

/** Rates of the window, and everything else since the start. */
function textOf(view: StatsView, environment: Environment): string {
  const style = styleFor(process.stdout, environment);
  const { figures: now, sinceStart: whole } = view;
  const figures =
    now === undefined || whole === undefined
      ? now
      : {
          ...whole,
          deployment: { ...now.deployment, ...whole.deployment },
          roles: whole.roles.map((role, index) => ({ ...now.roles[index], ...role })),
        };
  const look = { width: terminalWidth(process.stdout), sorting: sortings[0] ?? '', chosen: undefined };
  return runLines({ ...view, ...(figures === undefined ? {} : { figures }) }, look, style)
    .map(({ text }) => text)
    .join('\n');
}
