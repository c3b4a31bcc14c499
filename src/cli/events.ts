/** `dynamo events`: the state changes of a run, from the first one until the run has ended. */
import type { Environment } from '../base/environment.ts';
import { stateFolders } from '../run/folders.ts';
import { progressLines } from '../view/progress.ts';
import { findRun, latestRun } from '../deployment/find-run.ts';
import { chosenOnCluster } from './kubernetes/chosen.ts';
import { addPlaceOptions, type PlaceFlags } from './kubernetes/place-options.ts';
import { requireLinux } from '../package/platform.ts';
import { watchForReaderGone, readerGone } from './reader.ts';
import { eventsOf } from '../deployment/ask-supervisor.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo events                  show past and new events
  dynamo events --json | jq .    one JSON object per line`;

export const configure: Configure = (command, settle, environment) => {
  addPlaceOptions(command)
    .argument('[run]', 'name or id of a run; default: the one that is up, else the last one')
    .option('--json', 'one JSON object per line')
    .addHelpText('after', examples)
    .action(async (asked: string | undefined, flags: EventsFlags) =>
      settle(await events(asked, flags, environment)),
    );
};

interface EventsFlags extends PlaceFlags {
  readonly json?: true;
}

async function events(
  asked: string | undefined,
  flags: EventsFlags,
  environment: Environment,
): Promise<number> {
  const { json } = flags;
  const cluster = await chosenOnCluster(asked, flags, 'events', environment);
  if (cluster !== undefined) {
    const { eventsOnCluster } = await import('./kubernetes/follow-up.ts');
    return await eventsOnCluster(cluster, json === true, environment);
  }
  requireLinux('events');
  const folders = stateFolders(environment);
  const run = asked === undefined ? latestRun(folders, 'events') : findRun(folders, asked);
  const lines = progressLines((text) => process.stdout.write(text));
  watchForReaderGone();
  for await (const event of eventsOf(folders, run.record.runId, readerGone)) {
    if (readerGone.aborted) break;
    if (json === true) process.stdout.write(`${JSON.stringify(event)}\n`);
    else lines.show(event);
  }
  return 0;
}
