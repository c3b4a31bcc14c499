/** `dynamo ui`: serves the page on loopback until Ctrl-C, and opens a browser on it where there is a screen. */
import { writeFileSync } from 'node:fs';
import { Option } from 'commander';
import { systemClock } from '../base/clock.ts';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { findRun } from '../deployment/find-run.ts';
import { requireLinux } from '../package/platform.ts';
import { stateFolders } from '../run/folders.ts';
import { readRecordIn, type StoredRun } from '../run/record.ts';
import { isAlive } from '../process/identity.ts';
import { openPageServer } from '../ui/server.ts';
import { openInBrowser } from './browser.ts';
import { wholeNumber } from './flag-values.ts';
import { signalExitCode, watchSignals } from './signals.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo ui                          show all runs; the newest one first
  dynamo ui disagg                   show the run named disagg
  dynamo ui --no-browser             print the link only
  ssh -L 8765:127.0.0.1:8765 gpu7    from your laptop: then open the printed link there
  dynamo up agg --ui                 start a run and its page with it

The page listens on 127.0.0.1 only. The link holds a token: whoever has it may stop your runs. The page reads control
sockets and run folders; ending it harms no run, and a run needs no page. It also shows runs that have ended.`;

interface UiFlags {
  readonly port?: number;
  readonly otlpPort?: number;
  readonly browser: boolean;
  /** Started by `up --ui`. */
  readonly untilEnded?: string;
}

export const configure: Configure = (command, settle, environment) => {
  command
    .argument('[run]', 'name or id of the run to show first; default: the newest one')
    .option(
      '--port <port>',
      'port to listen on, 0 for any; default: 8765, or the next free one',
      port('--port'),
    )
    .option(
      '--otlp-port <port>',
      'port that receives traces, 0 for any; default: 4317, if it is free',
      port('--otlp-port'),
    )
    .option('--no-browser', 'open no browser')
    .addOption(new Option('--until-ended <file>', 'end with the run; write the link to this file').hideHelp())
    .addHelpText('after', examples)
    .action(async (asked: string | undefined, flags: UiFlags) => settle(await ui(asked, flags, environment)));
};

async function ui(asked: string | undefined, flags: UiFlags, environment: Environment): Promise<number> {
  requireLinux('ui');
  const folders = stateFolders(environment);
  const run = asked === undefined ? undefined : findRun(folders, asked);
  const left = new AbortController();
  const signals = watchSignals(
    () => left.abort(),
    () => process.exit(1),
  );
  const server = await openPageServer({ folders, environment }, flags);
  try {
    const url = run === undefined ? server.url : `${server.url}#/${run.record.runId}`;
    if (flags.untilEnded !== undefined && run !== undefined) {
      writeFileSync(flags.untilEnded, `${url}\n`, { mode: 0o600 });
      await untilOver(run, left.signal);
      return 0;
    }
    process.stdout.write(`${url}\n`);
    process.stderr.write(
      'The page is open on this machine only, to whoever has this link. Ctrl-C ends the page, not the runs.\n',
    );
    if (flags.browser) await openInBrowser(url, environment);
    await untilAborted(left.signal);
  } finally {
    await server.close();
    signals.end();
  }
  const signal = signals.first();
  return signal === undefined ? 0 : signalExitCode(signal);
}

/** Its supervisor may be another process than the one that prepared it: a dead one is looked up again. */
async function untilOver({ record, files }: StoredRun, signal: AbortSignal): Promise<void> {
  let { supervisor } = record;
  while (!signal.aborted) {
    if (!isAlive(supervisor)) {
      const now = readRecordIn(files.folder);
      if (now === undefined || now.endedAt !== undefined || !isAlive(now.supervisor)) return;
      ({ supervisor } = now);
    }
    await systemClock.sleep(lookMs, signal).catch(() => {});
  }
}

/** So short that nobody sees it after its run. */
const lookMs = 100;

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
}

function port(flag: string): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text, 0, 65_535);
    if (value !== undefined) return value;
    throw new DynamoError('usage', `${flag} ${JSON.stringify(text)}: expected a port from 0 to 65535.`, {
      hint: 'dynamo ui   # chooses free ports',
      fields: { option: flag, asked: text },
    });
  };
}
