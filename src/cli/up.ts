/** `dynamo up`: plans, starts in order, checks that it serves, follows the logs, and stops everything at the end. */
import type { Environment } from '../base/environment.ts';
import type { Command } from 'commander';
import { openTo } from '../plan/ports.ts';
import { workspaceOf, requireOwnState } from '../run/folders.ts';
import { fitLines, terminalWidth } from '../view/wrap.ts';
import { choiceLines } from '../view/choice-lines.ts';
import { styleFor } from '../view/style.ts';
import {
  addDeploymentOptions,
  type DeploymentFlags,
  planOptionsOf,
  settingsOf,
} from './up/deployment-options.ts';
import { addHostOptions, type HostFlags, withHosts } from './up/host-options.ts';
import { openProfile } from '../deployment/load-profile.ts';
import { canAsk, chooseProfile, oneProfile, projectProfile, splitRawArgs } from './operands.ts';
import { requireLinux } from '../package/platform.ts';
import { prepareRun } from '../deployment/prepare-run.ts';
import { reapDeadRuns } from '../deployment/reap-dead-runs.ts';
import { signalExitCode, watchSignals } from './signals.ts';
import { tidyUp } from '../deployment/tidy-up.ts';
import { type DetachFlags, detach } from './up/detached.ts';
import { type ForegroundFlags, stayInForeground } from './up/foreground.ts';
import { onOption } from './kubernetes/on-option.ts';
import type { Configure } from './verb.ts';

interface UpFlags extends DeploymentFlags, HostFlags, DetachFlags, ForegroundFlags {
  readonly detach?: true;
  readonly from?: string;
  readonly ui?: true;
  readonly replace?: true;
}

const examples = `
Examples:
  dynamo up disagg                           start prefill and decode in separate workers
  dynamo up agg --detach                     return when it serves; stop it with: dynamo down
  dynamo up agg_router --replicas worker=4   start four workers behind the KV-aware router
  dynamo up disagg --ui                      show the run on a web page
  dynamo up ./launch/disagg.sh               use the name of an upstream script
  dynamo up agg --set tracing=true           set a parameter; to list them: dynamo profiles show agg
  dynamo up agg -- --context-length 8192     pass arguments to the workers
  dynamo up agg --replace --set pageSize=32  restart the workers of agg that differ, while it serves

Exit codes: 0 stopped normally, 1 a process failed, 64 bad flag, 65 bad profile, 66 no such profile,
69 not ready in time, 75 port or name taken, 78 missing prerequisite, 130 Ctrl-C, 143 SIGTERM.`;

export const configure: Configure = (command: Command, settle, environment) => {
  addHostOptions(
    addDeploymentOptions(
      command
        .argument('[profile]', 'profile, alias, upstream script or YAML file')
        .argument('[args...]', 'after --: arguments for the workers'),
    ),
  )
    .option('-d, --detach', 'run in the background; return when it serves')
    .option('--from <file>', 'start the deployment of a report of `dynamo report`')
    .option('--json', 'with --detach: print the run as JSON')
    .option('--replace', 'if it is up: restart the workers that differ, one after the other')
    .option('--ui', 'serve a web page of the run until it has ended, and record its requests')
    .option('-q, --quiet', 'print no progress and no logs, only the result')
    .option('--timings', 'show what each process did until it was ready, and how long that took')
    .option('-v, --verbose', 'show the logs from the first line')
    .addOption(onOption('up'))
    .addHelpText('after', examples)
    .action(async (_profile, _args, flags: UpFlags) =>
      settle(await up(splitRawArgs(command.args), flags, environment)),
    );
};

async function up(
  { operands, rawArgs }: ReturnType<typeof splitRawArgs>,
  flags: UpFlags,
  environment: Environment,
): Promise<number> {
  requireLinux('up');
  requireOwnState(environment);
  const settings = settingsOf(flags);
  const report =
    flags.from === undefined
      ? undefined
      : await (
          await import('../deployment/from-report.ts')
        ).openReport({ file: flags.from, operands, verb: 'up' }, settings, environment);
  const named = report?.profile.name ?? operands[0] ?? projectProfile();
  const asked = named === undefined && canAsk() ? await chooseProfile(environment) : named;
  // Cancelled with Ctrl-C or Esc: nothing was started.
  if (asked === undefined && canAsk()) return signalExitCode('SIGINT');
  const opened =
    report ??
    (await openProfile(
      await oneProfile(asked === undefined ? [] : [asked, ...operands.slice(1)], 'up', environment),
      settings,
      environment,
    ));
  const style = styleFor(process.stderr, environment);
  const say = (line: string): void => void (flags.quiet === true || process.stderr.write(`${line}\n`));
  await reapDeadRuns(workspaceOf(environment), say);
  // A signal must not end us while names and ports are claimed. Node drops a signal that nobody listens for, so this
  // watch overlaps with the next one.
  const early = watchSignals(
    () => {},
    () => {},
  );
  const own = await withHosts(planOptionsOf(flags, rawArgs, flags.detach === true), flags);
  const options = {
    ...(report?.optionsWith(own) ?? own),
    recordsRequests: flags.ui === true,
  };
  const prepared = await prepareRun(opened.profile, options, flags.detach === true, environment).catch(
    async (error: unknown) => {
      const { upAgain } = await import('./up/live-run.ts');
      const { replace = false, json = false, quiet = false } = flags;
      early.end();
      return await upAgain(error, { profile: opened.profile, options, replace, json, quiet }, environment);
    },
  );
  if (typeof prepared === 'number') return prepared;
  let page: string | undefined;
  if (flags.ui === true) {
    const { servePageOf } = await import('./up/page.ts');
    page = await servePageOf(prepared);
  }
  const signal = early.first();
  if (signal !== undefined) {
    tidyUp(prepared);
    return signalExitCode(signal);
  }
  if ('note' in opened && opened.note !== undefined) say(opened.note);
  for (const line of report?.differencesTo(prepared.plan) ?? []) say(line);
  const { http } = prepared.plan;
  const reach = http === undefined ? undefined : openTo(http);
  if (reach !== undefined)
    process.stderr.write(`${style.yellow('warning:')} --http-host ${http?.host}: ${reach}\n`);
  for (const line of choiceLines(prepared.plan, style)) say(fitLines(line, terminalWidth(process.stderr)));
  if (page !== undefined) say(page);
  return await (flags.detach === true ? detach(prepared, flags) : stayInForeground(prepared, flags));
}
