/** `dynamo logs`: shows what the processes of a run wrote, also after the run has ended. */
import type { Environment } from '../base/environment.ts';
import { linesOf, textOf } from '../base/logs.ts';
import { messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import { isAlive } from '../process/identity.ts';
import { stateFolders, type StateFolders } from '../run/folders.ts';
import { followAdded } from '../run/added-logs.ts';
import { followLogs, type LogFollower, type LogView } from '../run/log-follow.ts';
import { logTail } from '../run/log-file.ts';
import { hostZone, since } from '../run/log-time.ts';
import type { Look } from '../run/line-splitter.ts';
import { readPlan, type StoredRun } from '../run/record.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import { logTextShower } from '../view/log-lines.ts';
import { styleFor } from '../view/style.ts';
import { terminalWidth } from '../view/wrap.ts';
import { wholeNumber, startOf } from './flag-values.ts';
import { reportEndedFailure } from './report.ts';
import { eventsOf } from '../deployment/ask-supervisor.ts';
import { chosenProcesses, findRun, latestRun } from '../deployment/find-run.ts';
import { pacedOutput, watchForReaderGone, readerGone } from './reader.ts';
import { chosenOnCluster } from './kubernetes/chosen.ts';
import { addPlaceOptions, type PlaceFlags } from './kubernetes/place-options.ts';
import { requireLinux } from '../package/platform.ts';
import { splitOperands } from './run-operands.ts';
import { signalExitCode, watchSignals } from './signals.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo logs                    show all processes of the run that is up, or of the last one
  dynamo logs -f decode          follow one process
  dynamo logs disagg -n 50       the last 50 lines of each process of the run named disagg
  dynamo logs disagg/decode      one process of that run
  dynamo logs --since 10m --grep 'error|traceback'
  dynamo logs --raw decode > decode.log   lines as the process wrote them

In a terminal, times are shown without date and zone, and long lines are wrapped; a pipe gets them as they were written.
Times are read from the lines; a time without a zone is read in the time zone of the run. Control characters are shown as
\\x07, except with --raw. Of long logs only the end is kept: see dynamo up --log-limit.`;

interface LogsFlags extends PlaceFlags {
  readonly follow?: true;
  readonly tail?: number;
  readonly since?: number;
  readonly grep?: RegExp;
  readonly raw?: true;
  readonly run?: string;
}

export const configure: Configure = (command, settle, environment) => {
  addPlaceOptions(command)
    .argument(
      '[process...]',
      'a run, or processes as decode or RUN/decode; default: all of the run that is up',
    )
    .option('-f, --follow', 'follow new output until the run ends')
    .option('-n, --tail <lines>', 'show only the last lines of each process', lineCount)
    .option('--since <when>', 'show only lines since then: 30s, 10m, 2h, or a time', startOf)
    .option('--grep <pattern>', 'show only lines that match this regular expression, ignoring case', pattern)
    .option('--raw', 'print lines as they were written: no process names, JSON as JSON')
    .option('--run <run>', 'name or id of a run; default: the one that is up, else the last one')
    .addHelpText('after', examples)
    .action(async (processes: string[], flags: LogsFlags) =>
      settle(await logs(processes, flags, environment)),
    );
};

async function logs(
  operands: readonly string[],
  flags: LogsFlags,
  environment: Environment,
): Promise<number> {
  const { run: asked, processes } = splitOperands(operands, flags.run, environment);
  const cluster = await chosenOnCluster(asked, flags, 'logs', environment);
  if (cluster !== undefined) {
    const { logsOnCluster } = await import('./kubernetes/logs.ts');
    return await logsOnCluster(cluster, processes, flags, environment);
  }
  requireLinux('logs');
  const folders = stateFolders(environment);
  const run =
    asked === undefined
      ? latestRun(folders, 'logs', processes.length === 1 ? `/${processes[0]}` : '')
      : findRun(folders, asked);
  const plan = readPlan(run.files);
  if (plan === undefined)
    throw new DynamoError('run-not-found', `Run ${run.record.runId} has no plan on disk.`, {
      fields: { runId: run.record.runId },
    });
  const specs = chosenProcesses(plan, processes);
  const style = styleFor(process.stdout, environment);
  const show = logTextShower(
    specs.map(({ name }) => name),
    style,
    specs.length > 1,
    terminalWidth(process.stdout),
  );
  const recent = new Map(
    specs.map((spec) => [spec.name, since(flags.since, zoneOf(spec) ?? hostZone(environment))]),
  );
  const look: Look = flags.raw === true ? 'raw' : style.level > 0 ? 'coloured' : 'plain';
  const output = pacedOutput(process.stdout);
  const wanted = (name: string, text: string): string => {
    if (flags.since === undefined && flags.grep === undefined) return text;
    const lines = linesOf(text).filter((line) => recent.get(name)?.keeps(line) !== false);
    return textOf(lines.filter((line) => flags.grep?.test(line) !== false));
  };
  const print = (name: string, text: string): void => {
    const chosen = wanted(name, text);
    output.write(flags.raw === true ? chosen : show(name, chosen));
  };
  const following = flags.follow === true && run.supervised;
  const positions = specs.map(({ name, logFile }) => {
    const tail = logTail(logFile, flags.tail ?? Infinity, look);
    print(name, textOf(tail.lines));
    if (tail.partial !== undefined && !following) print(name, `${tail.partial}\n`);
    return { process: name, file: logFile, from: tail.end };
  });
  await output.flush();
  for (const [name, { isBlind }] of recent) if (isBlind()) sayBlind(name);
  if (!following) {
    reportEndedFailure(run);
    return 0;
  }
  const view = { onText: print, room: () => output.flush(), look };
  return await follow(run, positions, view, processes.length === 0 ? folders : undefined);
}

/** The time zone of a process: TZ, or UTC in a container where TZ is not set. */
function zoneOf({ env, container }: ProcessSpec): string | undefined {
  return env.TZ ?? (container === undefined ? undefined : 'UTC');
}

/** Empty output would look as if nothing had been written. */
function sayBlind(name: string): void {
  process.stderr.write(
    `dynamo: the lines of ${name} have no timestamps, so --since shows none of them. Use: dynamo logs ${name} --tail 50\n`,
  );
}

/** Until the run has ended, a signal comes, or the reader is gone. `joining`: shows also processes that join the run. */
async function follow(
  { record, files }: StoredRun,
  positions: Parameters<typeof followLogs>[0],
  view: LogView,
  joining: StateFolders | undefined,
): Promise<number> {
  const follower = followLogs(positions, view);
  const ended = new AbortController();
  if (joining !== undefined)
    void watchJoining(joining, { follower, files, runId: record.runId }, ended.signal);
  return await new Promise((resolve) => {
    const finish = (exitCode: number): void => {
      clearInterval(timer);
      ended.abort();
      signals.end();
      const shown = follower.end();
      // After a signal, do not wait for a reader that is slow.
      if (exitCode === 0) void shown.then(() => resolve(exitCode));
      else resolve(exitCode);
    };
    const timer = setInterval(() => isAlive(record.supervisor) || finish(0), 200);
    const signals = watchSignals(
      (signal) => finish(signalExitCode(signal)),
      () => {},
    );
    watchForReaderGone();
    readerGone.addEventListener('abort', () => finish(0));
  });
}

interface Joining {
  readonly follower: LogFollower;
  readonly files: StoredRun['files'];
  readonly runId: string;
}

/** Never rejects: without events, what is followed already goes on. */
async function watchJoining(
  folders: StateFolders,
  { follower, files, runId }: Joining,
  ended: AbortSignal,
): Promise<void> {
  const from = Date.now();
  try {
    for await (const event of eventsOf(folders, runId, ended))
      if (event.at >= from) followAdded(follower, files, event);
  } catch {
    // Its supervisor is gone or suspended.
  }
}

function lineCount(text: string): number {
  const count = text === 'all' ? Infinity : wholeNumber(text, 0);
  if (count !== undefined) return count;
  throw new DynamoError('usage', `--tail ${JSON.stringify(text)}: expected a number of lines, or all.`, {
    hint: 'dynamo logs --tail 50   # for a namespace on Kubernetes: --namespace',
    fields: { option: '--tail', asked: text },
  });
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, 'i');
  } catch (error) {
    throw new DynamoError('usage', `--grep ${JSON.stringify(text)}: ${messageOf(error)}.`, {
      hint: 'dynamo logs --grep error',
      fields: { option: '--grep', asked: text },
    });
  }
}
