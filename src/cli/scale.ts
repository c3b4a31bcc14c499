/** `dynamo scale`: more or fewer workers of a live run, while it serves. */
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { durationText } from '../base/duration.ts';
import { livePlan } from '../deployment/find-run.ts';
import { scaleRun } from '../deployment/scale-run.ts';
import { requireLinux } from '../package/platform.ts';
import { type Plan, workerCounts } from '../plan/plan.ts';
import { stateFolders } from '../run/folders.ts';
import type { ChangeReport } from '../run/protocol.ts';
import { progressLines, silentProgress } from '../view/progress.ts';
import { wholeNumber } from './flag-values.ts';
import { chosenOnCluster } from './kubernetes/chosen.ts';
import { addPlaceOptions, type PlaceFlags } from './kubernetes/place-options.ts';
import { signalExitCode, watchSignals } from './signals.ts';
import { seconds } from './up/deployment-options.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo scale decode=2                      run two decode workers
  dynamo scale prefill=2 decode=1            first add a prefill worker, then remove decode workers
  dynamo scale mine decode=2 --timeout 600   of the run named mine; wait at most ten minutes

It returns when the new workers have answered and the old ones are gone. An old worker finishes its requests before it ends.
If a new worker fails, it is taken back, and the run continues as before. On Kubernetes, it changes the replicas of the
components, or of their scaling adapters, and the change stays.

Exit codes: 0 done, 1 a new worker failed, 64 not possible, 66 no such run, 69 timed out or not ready in time,
75 no GPU or port is free, or another change is in progress.`;

interface ScaleFlags extends PlaceFlags {
  readonly timeout?: number;
  readonly json?: true;
  readonly quiet?: true;
}

export const configure: Configure = (command, settle, environment) => {
  addPlaceOptions(command)
    .argument('[words...]', 'name or id of a run, if several are up; then WORKER=NUMBER, one or more')
    .option('--timeout <seconds>', 'stop waiting after this long; the change goes on', seconds('--timeout'))
    .option('--json', 'print what was changed as JSON')
    .option('-q, --quiet', 'print no progress')
    .addHelpText('after', examples)
    .action(async (words: string[], flags: ScaleFlags) => settle(await scale(words, flags, environment)));
};

async function scale(words: readonly string[], flags: ScaleFlags, environment: Environment): Promise<number> {
  const { run: named, replicas } = parted(words);
  const cluster = await chosenOnCluster(named, flags, 'scale', environment);
  const { timeout } = flags;
  const timeoutMs = timeout === undefined ? undefined : timeout * 1000;
  if (cluster !== undefined) {
    const { scaleOnCluster } = await import('./kubernetes/scale.ts');
    const asked = { replicas, timeoutMs, json: flags.json === true, quiet: flags.quiet === true };
    return await scaleOnCluster(cluster, asked, environment);
  }
  requireLinux('scale');
  const folders = stateFolders(environment);
  const { run, plan } = livePlan(folders, named, 'scale');
  const view = flags.quiet === true ? silentProgress : progressLines((text) => process.stderr.write(text));
  const over = new AbortController();
  const signals = watchSignals(
    () => over.abort(),
    () => {},
  );
  try {
    const report = await scaleRun(folders, run, replicas, {
      onEvent: view.show,
      timeoutMs,
      signal: over.signal,
    });
    const { runId, name } = run.record;
    if (flags.json === true)
      process.stdout.write(`${JSON.stringify({ runId, name, ...report }, undefined, 2)}\n`);
    else process.stdout.write(`${resultText(plan, report)}\n`);
    return 0;
  } catch (error) {
    const signal = signals.first();
    if (signal === undefined) throw error;
    process.stderr.write(`the change goes on: dynamo events ${run.record.name}\n`);
    return signalExitCode(signal);
  } finally {
    signals.end();
  }
}

interface Asked {
  readonly run: string | undefined;
  readonly replicas: Readonly<Record<string, number>>;
}

/** Throws `usage`. */
function parted(words: readonly string[]): Asked {
  const [first, ...rest] = words;
  const run = first?.includes('=') === false ? first : undefined;
  const pairs = run === undefined ? words : rest;
  if (pairs.length === 0) throw wrong(words.join(' '), 'How many workers? Expected WORKER=NUMBER.');
  const replicas: Record<string, number> = {};
  for (const pair of pairs) {
    const [, worker = '', digits = ''] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    const count = wholeNumber(digits, 0, 10_000);
    if (worker === '' || count === undefined)
      throw wrong(pair, `${JSON.stringify(pair)}: expected WORKER=NUMBER, such as decode=2.`);
    if (worker in replicas) throw wrong(pair, `${worker} is given twice.`);
    replicas[worker] = count;
  }
  return { run, replicas };
}

function wrong(asked: string, message: string): DynamoError {
  return new DynamoError('usage', message, { hint: 'dynamo scale decode=2', fields: { asked } });
}

/** `decode: 1 → 2, added decode-2, in 1.2 s` */
function resultText(before: Plan, { replicas, added, removed, tookMs }: ChangeReport): string {
  const were = workerCounts(before);
  const counts = Object.entries(replicas).flatMap(([component, now]) =>
    were[component] === now ? [] : [`${component}: ${were[component] ?? 0} → ${now}`],
  );
  if (counts.length === 0) return 'nothing to change';
  const names = [
    ...(added.length === 0 ? [] : [`added ${added.map(({ name }) => name).join(', ')}`]),
    ...(removed.length === 0 ? [] : [`removed ${removed.join(', ')}`]),
  ];
  return `${counts.join(', ')}; ${names.join('; ')}; took ${durationText(tookMs)}`;
}
