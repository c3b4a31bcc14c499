/** `dynamo attach`: shows the logs and state changes of a detached run; Ctrl-C leaves it running. */
import type { Environment } from '../base/environment.ts';
import { textOf } from '../base/logs.ts';
import { stateFolders } from '../run/folders.ts';
import { followAdded } from '../run/added-logs.ts';
import { followLogs } from '../run/log-follow.ts';
import { logTail } from '../run/log-file.ts';
import { logTextShower } from '../view/log-lines.ts';
import { progressLines } from '../view/progress.ts';
import { styleFor } from '../view/style.ts';
import { livePlan } from '../deployment/find-run.ts';
import { pacedOutput, watchForReaderGone, readerGone } from './reader.ts';
import { requireLinux } from '../package/platform.ts';
import { eventsOf } from '../deployment/ask-supervisor.ts';
import { watchSignals } from './signals.ts';
import { chosenOnCluster } from './kubernetes/chosen.ts';
import { addPlaceOptions, type PlaceFlags } from './kubernetes/place-options.ts';
import type { Configure } from './verb.ts';

/** Earlier lines of each log that are shown first, for context. */
const shownLines = 10;

const examples = `
Examples:
  dynamo attach          attach to the run that is up
  dynamo attach disagg   attach to the run named disagg`;

export const configure: Configure = (command, settle, environment) => {
  addPlaceOptions(command)
    .argument('[run]', 'name or id of a run; default: the one that is up')
    .addHelpText('after', examples)
    .action(async (asked: string | undefined, flags: PlaceFlags) =>
      settle(await attach(asked, flags, environment)),
    );
};

/** Returns 0 when the user detaches or the run stopped normally, 1 when the run failed. */
async function attach(
  asked: string | undefined,
  flags: PlaceFlags,
  environment: Environment,
): Promise<number> {
  const cluster = await chosenOnCluster(asked, flags, 'attach', environment);
  if (cluster !== undefined) {
    const { attachOnCluster } = await import('./kubernetes/attach.ts');
    return await attachOnCluster(cluster, environment);
  }
  requireLinux('attach');
  const folders = stateFolders(environment);
  const { run, plan } = livePlan(folders, asked, 'attach');
  // Set up before anything is shown: the user may press Ctrl-C at the first line.
  const detached = new Promise<void>((resolve) => {
    watchSignals(
      () => resolve(),
      () => {},
    );
    watchForReaderGone();
    readerGone.addEventListener('abort', () => resolve());
  });
  const style = styleFor(process.stdout, environment);
  const show = logTextShower(
    plan.processes.map(({ name }) => name),
    style,
    true,
  );
  const output = pacedOutput(process.stdout);
  const print = (name: string, text: string): void => output.write(show(name, text));
  const logs = plan.processes.map(({ name, logFile }) => {
    const tail = logTail(logFile, shownLines, style.level > 0 ? 'coloured' : 'plain');
    print(name, textOf(tail.lines));
    return { process: name, file: logFile, from: tail.end };
  });
  await output.flush();
  const follower = followLogs(logs, {
    onText: print,
    room: () => output.flush(),
    look: style.level > 0 ? 'coloured' : 'plain',
  });
  const states = progressLines((text) => process.stderr.write(text));
  const since = Date.now();
  let failed = false;
  const watching = (async () => {
    for await (const event of eventsOf(folders, run.record.runId)) {
      failed ||= event.type === 'failed';
      if (event.at < since) continue;
      states.show(event);
      followAdded(follower, run.files, event);
    }
  })();
  const ended = await Promise.race([watching.then(() => true), detached.then(() => false)]);
  const shown = follower.end();
  if (ended) await shown;
  if (!ended) process.stderr.write(`\n${plan.runId} keeps running. Stop it with: dynamo down\n`);
  return ended && failed ? 1 : 0;
}
