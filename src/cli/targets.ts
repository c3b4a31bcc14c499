/** `dynamo targets`: what a Prometheus can scrape of the runs that are up, as a file for its `file_sd_configs`. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import { countText } from '../base/units.ts';
import { livePlan } from '../deployment/find-run.ts';
import { requireLinux } from '../package/platform.ts';
import { type ScrapeEntry, scrapeEntries, targetsText } from '../plan/observe.ts';
import { isAlive } from '../process/identity.ts';
import { stateFolders } from '../run/folders.ts';
import { readPlan, storedRuns } from '../run/record.ts';
import { signalExitCode, watchSignals } from './signals.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo targets                                 print the processes of all runs that are up
  dynamo targets disagg                          print those of one run
  dynamo targets --write targets.json --follow   keep a file up to date until Ctrl-C

In prometheus.yml:
  scrape_configs:
    - job_name: dynamo
      file_sd_configs: [{ files: [/path/of/targets.json] }]

Prometheus reads the file again when it changes. A process keeps its port when it is restarted. docs/observability.md has a
board for Grafana; \`dynamo up --observe\` starts a Prometheus beside a deployment.`;

interface TargetsFlags {
  readonly write?: string;
  readonly follow?: true;
}

/** A start takes seconds, and Prometheus itself looks every minute at the latest. */
const lookEveryMs = 1_000;

export const configure: Configure = (command, settle, environment) => {
  command
    .argument('[run...]', 'names or ids of runs; default: all that are up')
    .option('--write <file>', 'write there instead, in one step')
    .option('--follow', 'with --write: until Ctrl-C, write it again when runs start and end')
    .addHelpText('after', examples)
    .action(async (names: string[], flags: TargetsFlags) => settle(await targets(names, flags, environment)));
};

async function targets(
  names: readonly string[],
  { write, follow }: TargetsFlags,
  environment: Environment,
): Promise<number> {
  requireLinux('targets');
  if (follow === true && (write === undefined || names.length > 0)) {
    throw new DynamoError(
      'usage',
      names.length > 0 ? '--follow takes all runs.' : '--follow needs a file to write.',
      { hint: 'dynamo targets --write targets.json --follow', fields: { option: '--follow' } },
    );
  }
  const entries = entriesNow(names, environment);
  if (write === undefined) process.stdout.write(targetsText(entries));
  else writeWhole(write, entries);
  if (write === undefined || follow !== true) return 0;
  return await keepWritten(write, entries, environment);
}

function entriesNow(names: readonly string[], environment: Environment): ScrapeEntry[] {
  const folders = stateFolders(environment);
  const plans =
    names.length > 0
      ? names.map((name) => livePlan(folders, name, 'targets').plan)
      : storedRuns(folders, isAlive).flatMap((run) => (run.supervised ? (readPlan(run.files) ?? []) : []));
  return plans.flatMap(scrapeEntries);
}

/** Atomic: Prometheus never reads a half. */
function writeWhole(file: string, entries: readonly ScrapeEntry[]): void {
  const draft = join(dirname(resolve(file)), `.targets.${process.pid}`);
  try {
    writeFileSync(draft, targetsText(entries));
    renameSync(draft, file);
  } catch (cause) {
    rmSync(draft, { force: true });
    throw new DynamoError('cannot-write', `${file} cannot be written: ${messageOf(cause)}.`, {
      cause,
      hint: 'dynamo targets --write /a/folder/that/you/can/write/targets.json',
      fields: { file },
    });
  }
  process.stderr.write(`${file}: ${countText(entries.length, 'process')}\n`);
}

/** Until a signal; then nothing is left to scrape, as far as this file says. */
async function keepWritten(
  file: string,
  entries: readonly ScrapeEntry[],
  environment: Environment,
): Promise<number> {
  let written = targetsText(entries);
  const stop = new AbortController();
  const signals = watchSignals(
    () => stop.abort(),
    () => stop.abort(),
  );
  await new Promise<void>((done, fail) => {
    const timer = setInterval(() => {
      try {
        const now = entriesNow([], environment);
        if (targetsText(now) === written) return;
        writeWhole(file, now);
        written = targetsText(now);
      } catch (error) {
        clearInterval(timer);
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    }, lookEveryMs);
    stop.signal.addEventListener('abort', () => {
      clearInterval(timer);
      done();
    });
  }).finally(() => signals.end());
  if (written !== targetsText([])) writeWhole(file, []);
  const signal = signals.first();
  return signal === undefined ? 0 : signalExitCode(signal);
}
