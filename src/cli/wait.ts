/** `dynamo wait`: returns when a run is ready or has stopped. */
import type { Environment } from '../base/environment.ts';
import { Option } from 'commander';
import { systemClock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import { stateFolders } from '../run/folders.ts';
import type { Failure, RunEvent } from '../supervisor/events.ts';
import { seconds } from './up/deployment-options.ts';
import { failureError, failureSoFar } from '../deployment/failure-error.ts';
import { findRun, latestRun } from '../deployment/find-run.ts';
import { chosenOnCluster } from './kubernetes/chosen.ts';
import { addPlaceOptions, type PlaceFlags } from './kubernetes/place-options.ts';
import { requireLinux } from '../package/platform.ts';
import { eventsOf } from '../deployment/ask-supervisor.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo wait                              wait until the run that is starting is ready
  dynamo wait disagg --timeout 300         wait for disagg, at most five minutes
  dynamo wait --for stopped --timeout 60   wait until it has stopped

Exit codes: 0 reached, 1 the run failed or ended first, 66 no such run, 69 timed out.`;

interface WaitFlags extends PlaceFlags {
  readonly for: 'ready' | 'stopped';
  readonly timeout?: number;
}

export const configure: Configure = (command, settle, environment) => {
  addPlaceOptions(command)
    .argument('[run]', 'name or id of a run; default: the one that is up, else the last one')
    .addOption(new Option('--for <state>', 'what to wait for').choices(['ready', 'stopped']).default('ready'))
    .option('--timeout <seconds>', 'give up after this long', seconds('--timeout'))
    .addHelpText('after', examples)
    .action(async (asked: string | undefined, flags: WaitFlags) =>
      settle(await wait(asked, flags, environment)),
    );
};

async function wait(asked: string | undefined, flags: WaitFlags, environment: Environment): Promise<number> {
  const cluster = await chosenOnCluster(asked, flags, 'wait', environment);
  if (cluster !== undefined) {
    const { waitOnCluster } = await import('./kubernetes/follow-up.ts');
    return await waitOnCluster(cluster, flags, environment);
  }
  requireLinux('wait');
  const folders = stateFolders(environment);
  const run = asked === undefined ? latestRun(folders, 'wait') : findRun(folders, asked);
  const { runId } = run.record;
  const limit = new AbortController();
  try {
    const isLive = (): boolean => findRun(folders, runId).supervised;
    const reached = untilReached(eventsOf(folders, runId), runId, flags.for, isLive);
    if (flags.timeout === undefined) await reached;
    else await Promise.race([reached, timeUp(flags.timeout, runId, flags.for, limit.signal)]);
  } finally {
    limit.abort();
  }
  process.stderr.write(`${runId} is ${flags.for}\n`);
  return 0;
}

/** Throws the run's failure when it ends before it is ready, or has ended since. */
async function untilReached(
  events: AsyncIterable<RunEvent>,
  runId: string,
  state: WaitFlags['for'],
  isLive: () => boolean,
): Promise<void> {
  let failure: Failure | undefined;
  let wasReady = false;
  for await (const event of events) {
    failure = failureSoFar(failure, event);
    if (event.type === 'ready') wasReady = true;
    if (event.type === state && (state === 'stopped' || isLive())) return;
  }
  if (state === 'stopped') return; // its supervisor was killed
  if (failure !== undefined) throw failureError(failure, runId);
  const how = wasReady ? 'has ended' : 'ended before it was ready';
  throw new DynamoError('process-failed', `Run ${runId} ${how}.`, {
    hint: `dynamo logs --run ${runId}`,
    fields: { runId },
  });
}

async function timeUp(timeout: number, runId: string, state: string, cancelled: AbortSignal): Promise<never> {
  await systemClock.sleep(timeout * 1000, cancelled);
  throw new DynamoError('not-ready', `Run ${runId} was not ${state} within ${timeout} s.`, {
    hint: 'dynamo ps',
    fields: { runId, timeoutMs: timeout * 1000 },
  });
}
