/** `dynamo up`: plan, start in order, prove that it serves, follow the logs; stop everything on the way out. */
import type { Environment } from '../base/environment.ts';
import type { Command } from 'commander';
import { openTo } from '../plan/ports.ts';
import { requireOwnState, workspaceOf } from '../run/folders.ts';
import { fitLines, terminalWidth } from '../view/fit-lines.ts';
import { choiceLines } from '../view/choices.ts';
import { styleFor } from '../view/style.ts';
import { canAsk } from './up/can-ask.ts';
import { addDeploymentOptions, planOptionsOf, settingsOf } from './up/deployment-options.ts';
import { openProfile } from '../deployment/load-profile.ts';
import { oneProfile } from './one-profile.ts';
import { requireLinux } from '../package/platform.ts';
import { prepareRun } from '../deployment/prepare-run.ts';
import { splitRawArgs } from './raw-args.ts';
import { reapDeadRuns } from '../deployment/reap-run.ts';
import { signalExitCode, watchSignals } from './signals.ts';
import { tidyUp } from '../deployment/tidy-up.ts';
import { detach } from './up/detached.ts';
import { stayInForeground } from './up/foreground.ts';
import type { UpFlags } from './up/flags.ts';
import { type Configure, onOption } from './verb.ts';

const examples = `
Examples:
  dynamo up disagg                           prefill and decode in separate workers
  dynamo up agg --detach                     returns when it serves; stop it with: dynamo down
  dynamo up agg_router --replicas worker=4   four workers behind the KV-aware router
  dynamo up ./launch/disagg.sh               upstream's script names work too
  dynamo up agg --set tracing=true           a parameter of the profile: dynamo profiles show agg
  dynamo up agg -- --context-length 8192     arguments for the workers, as they are

Exit codes: 0 ended well, 1 a process failed, 64 bad flag, 65 bad profile, 66 no such profile,
69 not ready in time, 75 port or name taken, 78 the host lacks something, 130 Ctrl-C, 143 SIGTERM.`;

export const configure: Configure = (command: Command, settle, environment) => {
  addDeploymentOptions(
    command
      .argument('[profile]', 'profile, alias, upstream script or YAML file')
      .argument('[args...]', 'after --: arguments for the workers'),
  )
    .option('-d, --detach', 'return when it serves; it goes on in the background')
    .option('--json', 'with --detach: the run as JSON on stdout')
    .option('-q, --quiet', 'no progress and no logs, only the result')
    .option('-v, --verbose', 'show the logs from the first line on')
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
  const asked = operands.length === 0 && canAsk() ? await chosen(environment) : operands[0];
  // Left with Ctrl-C or Esc: nothing was started.
  if (asked === undefined && canAsk()) return signalExitCode('SIGINT');
  const named = asked === undefined ? [] : [asked, ...operands.slice(1)];
  const { profile, note } = await openProfile(
    await oneProfile(named, 'up', environment),
    settingsOf(flags),
    environment,
  );
  const style = styleFor(process.stderr, environment);
  const say = (line: string): void => void (flags.quiet === true || process.stderr.write(`${line}\n`));
  await reapDeadRuns(workspaceOf(environment), say);
  // A signal must not end us while names and ports are held. Node loses one that comes while nobody watches, so this
  // watch goes on beside the next.
  const early = watchSignals(
    () => {},
    () => {},
  );
  const prepared = await prepareRun(
    profile,
    planOptionsOf(flags, rawArgs, flags.detach === true),
    flags.detach === true,
    environment,
  );
  const signal = early.first();
  if (signal !== undefined) {
    tidyUp(prepared);
    return signalExitCode(signal);
  }
  if (note !== undefined) say(note);
  const reach = openTo(prepared.plan.http);
  if (reach !== undefined)
    process.stderr.write(`${style.yellow('warning:')} --http-host ${prepared.plan.http.host}: ${reach}\n`);
  for (const line of choiceLines(prepared.plan, style)) say(fitLines(line, terminalWidth(process.stderr)));
  return await (flags.detach === true ? detach(prepared, flags) : stayInForeground(prepared, flags));
}

/** Few people are asked: the list and its keys are loaded for them alone. */
async function chosen(environment: Environment): Promise<string | undefined> {
  const { chooseProfile } = await import('./up/choose-profile.ts');
  return await chooseProfile(environment);
}
