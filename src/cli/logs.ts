/** `dynamo logs`: what the processes of a run wrote, also after it has ended. */
import { DynamoError } from '../base/error.ts';
import { isAlive } from '../process/identity.ts';
import { stateFolders } from '../run/folders.ts';
import { followLogs } from '../run/log-follow.ts';
import { logTail } from '../run/log-tail.ts';
import { readPlan, type StoredRun } from '../run/record.ts';
import { logLineShower } from '../view/log-lines.ts';
import { styleFor } from '../view/style.ts';
import { chosenProcesses } from './chosen-processes.ts';
import { findRun, latestRun } from './find-run.ts';
import { requireLinux } from './platform.ts';
import { lookForReader, readerGone } from './reader.ts';
import { signalExitCode, watchSignals } from './signals.ts';
import type { Configure } from './verbs.ts';

const examples = `
Examples:
  dynamo logs                    all processes of the run that is up, or of the last one
  dynamo logs -f decode          follow one process
  dynamo logs --run disagg --tail 50`;

interface LogsFlags {
  readonly follow?: true;
  readonly tail?: number;
  readonly run?: string;
}

export const configure: Configure = (command, settle) => {
  command
    .argument('[process...]', 'names of processes; default: all')
    .option('-f, --follow', 'go on as they grow, until the run has ended')
    .option('--tail <lines>', 'only the last lines of each process', lineCount)
    .option('--run <run>', 'name or id of a run; default: the one that is up, else the last one')
    .addHelpText('after', examples)
    .action(async (processes: string[], flags: LogsFlags) => settle(await logs(processes, flags)));
};

async function logs(processes: readonly string[], flags: LogsFlags): Promise<number> {
  requireLinux('logs');
  const folders = stateFolders(process.env);
  const run = flags.run === undefined ? latestRun(folders, 'logs --run') : findRun(folders, flags.run);
  const plan = readPlan(run.files);
  if (plan === undefined)
    throw new DynamoError('run-not-found', `Run ${run.record.runId} has no plan on disk.`);
  const specs = chosenProcesses(plan, processes);
  const style = styleFor(process.stdout, process.env);
  const show = logLineShower(
    specs.map(({ name }) => name),
    style,
    specs.length > 1,
  );
  const print = (name: string, line: string): void => void process.stdout.write(show(name, line));
  const following = flags.follow === true && run.supervised;
  const positions = specs.map(({ name, logFile }) => {
    const tail = logTail(logFile, flags.tail ?? Infinity, style.level > 0);
    for (const line of tail.lines) print(name, line);
    if (tail.partial !== undefined && !following) print(name, tail.partial);
    return { process: name, file: logFile, from: tail.end };
  });
  if (!following) return 0;
  return await follow(run, positions, print, style.level > 0);
}

/** Until the run has ended, the user has had enough, or nobody reads any more. */
async function follow(
  { record }: StoredRun,
  positions: Parameters<typeof followLogs>[0],
  print: (name: string, line: string) => void,
  keepColours: boolean,
): Promise<number> {
  const follower = followLogs(positions, print, keepColours);
  return await new Promise((resolve) => {
    const finish = (exitCode: number): void => {
      clearInterval(timer);
      signals.end();
      follower.end();
      resolve(exitCode);
    };
    const timer = setInterval(() => isAlive(record.supervisor) || finish(0), 200);
    const signals = watchSignals(
      (signal) => finish(signalExitCode(signal)),
      () => {},
    );
    lookForReader();
    readerGone.addEventListener('abort', () => finish(0));
  });
}

function lineCount(text: string): number {
  const count = text === 'all' ? Infinity : Number(text);
  if (Number.isInteger(count) ? count >= 0 : count === Infinity) return count;
  throw new DynamoError('usage', `--tail ${JSON.stringify(text)}: expected a number of lines, or all.`, {
    hint: 'dynamo logs --tail 50',
  });
}
