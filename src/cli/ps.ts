/** `dynamo ps`: lists runs and their processes, once or as a table that refreshes. */
import type { Environment } from '../base/environment.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { stateFolders } from '../run/folders.ts';
import { terminalWidth } from '../view/wrap.ts';
import { liveScreen } from '../view/live-screen.ts';
import { runFailures, runTable, runTroubles, type RunView } from '../view/run-table.ts';
import { styleFor } from '../view/style.ts';
import { createMeasures } from './ps/live-measures.ts';
import { clusterViews, watchClusters } from './kubernetes/ps-rows.ts';
import { addPlaceOptions, namesPlace, type PlaceFlags } from './kubernetes/place-options.ts';
import { requireLinux } from '../package/platform.ts';
import { watchForReaderGone, readerGone } from './reader.ts';
import { runViews, type UsageSample } from './ps/run-views.ts';
import { signalExitCode, watchSignals } from './signals.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo ps                    list the runs that are up
  dynamo ps --all              also list runs that have ended
  dynamo ps --watch            refresh every second; Ctrl-C quits
  dynamo ps --json | jq '.runs[].processes[] | {name, state, memoryBytes}'

CPU is in percent of one core, over the life of a process; with --watch, since the last refresh. CPU and MEMORY include child
processes; shared memory is divided among the processes that use it. --watch also shows, from the metrics of the processes,
GPU memory, KV cache usage, requests so far, and tokens per second; a narrow terminal shows fewer columns.


Deployments that dynamo up --on kubernetes created from this host are in the same table, with their pods. A cluster that
does not answer within 2 s gets a row that says so. --on, --context or --namespace: list everything dynamo created there.`;

interface PsFlags extends PlaceFlags {
  readonly all?: true;
  readonly json?: true;
  readonly watch?: true;
}

/** Between two refreshes of `--watch`. */
const periodMs = 1_000;

export const configure: Configure = (command, settle, environment) => {
  addPlaceOptions(command)
    .option('-a, --all', 'also list runs that have ended')
    .option('-w, --watch', 'refresh every second')
    .option('--json', 'print JSON; with --watch, one object per line')
    .addHelpText('after', examples)
    .action(async (flags: PsFlags) => settle(await ps(flags, environment)));
};

async function ps(flags: PsFlags, environment: Environment): Promise<number> {
  if (!namesPlace(flags)) requireLinux('ps');
  if (flags.watch === true) return await watch(flags, environment);
  const [{ shown: local }, remote] = await Promise.all([
    look(flags, environment),
    clusterViews(flags, environment),
  ]);
  const shown = [...local, ...remote];
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify({ version: 1, runs: shown }, undefined, 2)}\n`);
  } else if (shown.length === 0) {
    process.stderr.write(`${noRunsUp}\n`);
  } else {
    const style = styleFor(process.stdout, environment);
    process.stdout.write(
      `${runTable(shown, style, terminalWidth(process.stdout))}\n${runTroubles(shown, style)}${runFailures(shown, style)}`,
    );
  }
  return 0;
}

const noRunsUp = 'no runs are up; `dynamo ps --all` shows ended ones';

async function look(
  { all }: PsFlags,
  environment: Environment,
  before?: UsageSample,
): Promise<{ shown: RunView[]; sample: UsageSample }> {
  // Other platforms can only list deployments on clusters.
  if (process.platform !== 'linux')
    return { shown: [], sample: { at: Date.now(), byRun: new Map(), plans: new Map() } };
  const { views, sample } = await runViews(stateFolders(environment), before);
  return { shown: views.filter((view) => all === true || isUp(view)), sample };
}

/** Until a signal comes or the reader is gone. */
async function watch(flags: PsFlags, environment: Environment): Promise<number> {
  const ended = new AbortController();
  const signals = watchSignals(
    () => ended.abort(),
    () => {},
  );
  watchForReaderGone();
  readerGone.addEventListener('abort', () => ended.abort());
  const left = new Promise<undefined>((resolve) =>
    ended.signal.addEventListener('abort', () => resolve(undefined)),
  );
  const screen = liveScreen(process.stdout);
  const style = styleFor(process.stdout, environment);
  const frame = (runs: readonly RunView[]): string =>
    `${runTable(runs, style, screen.width())}\n${runTroubles(runs, style)}`.trimEnd();
  try {
    const measures = createMeasures(environment);
    const remote = watchClusters(flags, environment);
    let sample: UsageSample | undefined;
    while (!ended.signal.aborted) {
      const seen = await Promise.race([look(flags, environment, sample), left]);
      if (seen === undefined) break;
      sample = seen.sample;
      const runs = [...measures.add(seen.shown, seen.sample), ...remote()];
      if (flags.json === true) process.stdout.write(`${JSON.stringify({ version: 1, runs })}\n`);
      else screen.show(runs.length === 0 ? noRunsUp : frame(runs));
      await delay(periodMs, undefined, { signal: ended.signal }).catch(() => {});
    }
  } finally {
    screen.end();
    signals.end();
  }
  const signal = signals.first();
  return signal === undefined ? 0 : signalExitCode(signal);
}

function isUp({ state }: RunView): boolean {
  return state !== 'stopped' && state !== 'failed';
}
