/** `dynamo start`, `stop` and `restart`: processes of a live run, on the ports and GPUs of its plan. */
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { askAct, isSilence, isUnreachable } from '../run/control-client.ts';
import { socketOf, stateFolders, type StateFolders } from '../run/folders.ts';
import { readPlan, type StoredRun } from '../run/record.ts';
import type { ProcessAction } from '../supervisor/process-action.ts';
import { chosenProcesses, findRun, onlyLiveRun } from '../deployment/find-run.ts';
import { silenceError } from '../deployment/ask-supervisor.ts';
import { requireLinux } from '../package/platform.ts';
import { splitOperands } from './run-operands.ts';
import { chosenOnCluster } from './kubernetes/chosen.ts';
import { addPlaceOptions, type PlaceFlags } from './kubernetes/place-options.ts';
import type { Configure } from './verb.ts';

const done: Readonly<Record<ProcessAction, string>> = {
  start: 'ready',
  stop: 'stopped',
  restart: 'ready again',
};

export const start = { configure: processVerb('start') };
export const stop = { configure: processVerb('stop') };
export const restart = { configure: processVerb('restart') };

const examples = (action: ProcessAction): string => `
Examples:
  dynamo ${action} decode              ${action} decode of the run that is up
  dynamo ${action} mine/decode         ${action} decode of the run named mine

${onClusters[action]}`;

const onClusters: Readonly<Record<ProcessAction, string>> = {
  start: "On Kubernetes, Dynamo's operator starts the pods: this refuses.",
  stop: "On Kubernetes, Dynamo's operator replaces every pod that ends: this refuses.",
  restart: `On Kubernetes it deletes the pods of a component, single pods, or all pods of a run, one after the other, and waits
until their replacements are ready, for at most an hour. The pods of a component on several nodes are deleted together.`,
};

interface ActFlags extends PlaceFlags {
  readonly run?: string;
}

/** Returns when the process is ready or gone. A process stopped this way is not restarted by its restart policy. */
function processVerb(action: ProcessAction): Configure {
  return (command, settle, environment) => {
    addPlaceOptions(command)
      .argument('<process...>', 'processes, as decode or RUN/decode; or components, for all their replicas')
      .option('--run <run>', 'name or id of a run; default: the one that is up')
      .addHelpText('after', examples(action))
      .action(async (asked: string[], flags: ActFlags) =>
        settle(await act(action, asked, flags, environment)),
      );
  };
}

async function act(
  action: ProcessAction,
  asked: readonly string[],
  flags: ActFlags,
  environment: Environment,
): Promise<number> {
  const { run: named, processes } = splitOperands(asked, flags.run, environment);
  const cluster = await chosenOnCluster(named, flags, action, environment);
  if (cluster !== undefined) {
    const { actOnCluster } = await import('./kubernetes/process-verbs.ts');
    return await actOnCluster(action, processes, cluster, environment);
  }
  requireLinux(action);
  const folders = stateFolders(environment);
  const run = liveRun(folders, named, action, processes[0] ?? '');
  if (processes.length === 0) throw wholeRun(action, run);
  const plan = readPlan(run.files);
  if (plan === undefined)
    throw new DynamoError('run-not-found', `Run ${run.record.runId} has no plan on disk.`, {
      fields: { runId: run.record.runId },
    });
  for (const { name } of chosenProcesses(plan, processes)) {
    await askAct(socketOf(folders, run.record), action, name).catch((error: unknown) => {
      throw isSilence(error) || isUnreachable(error) ? silenceError(run, error) : error;
    });
    process.stderr.write(`${name} is ${done[action]}\n`);
  }
  return 0;
}

/** Only its name was given. */
function wholeRun(action: ProcessAction, { record: { name }, files }: StoredRun): DynamoError {
  const [first = 'decode'] = readPlan(files)?.processes.map((each) => each.name) ?? [];
  const one = `dynamo ${action} ${name}/${first}`;
  return new DynamoError('usage', `dynamo ${action} needs a process; ${name} is a whole run.`, {
    hint: action === 'stop' ? `dynamo down ${name}   # one process: ${one}` : one,
    fields: { asked: name },
  });
}

function liveRun(folders: StateFolders, name: string | undefined, verb: string, process: string): StoredRun {
  const run = name === undefined ? onlyLiveRun(folders, verb, `/${process}`) : findRun(folders, name);
  if (run?.supervised === true) return run;
  const message = run === undefined ? 'No run is up.' : `Run ${run.record.runId} is not up.`;
  throw new DynamoError('run-not-found', message, {
    hint: 'dynamo ps --all',
    fields: { asked: name, runId: run?.record.runId },
  });
}
