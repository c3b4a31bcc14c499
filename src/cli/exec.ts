/** `dynamo exec`: starts a deployment, runs a command against it, stops it; the exit code is that of the command. */
import type { Command } from 'commander';
import { constants } from 'node:os';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { cleanName } from '../plan/run-name.ts';
import { requireProgram, type RunningCommand, startCommand } from '../process/command.ts';
import { workspaceOf, requireOwnState } from '../run/folders.ts';
import {
  addDeploymentOptions,
  type DeploymentFlags,
  planOptionsOf,
  settingsOf,
} from './up/deployment-options.ts';
import { openProfile } from '../deployment/load-profile.ts';
import { oneProfile, splitRawArgs } from './operands.ts';
import { requireLinux } from '../package/platform.ts';
import { reapDeadRuns } from '../deployment/reap-dead-runs.ts';
import { onOption } from './kubernetes/on-option.ts';
import type { Configure } from './verb.ts';
import { systemClock } from '../base/clock.ts';
import type { Plan } from '../plan/plan.ts';
import type { PlanOptions } from '../plan/request.ts';
import type { Identity } from '../base/identity.ts';
import { appendToLedger } from '../process/ledger.ts';
import type { Profile } from '../profile/profile.ts';
import type { Exit, RunEvent } from '../supervisor/events.ts';
import { progressLines, silentProgress } from '../view/progress.ts';
import { clientEnvironment, outcomeError, type StartedRun, startRun } from '../deployment/start-run.ts';
import { signalExitCode, watchSignals } from './signals.ts';

interface ExecFlags extends DeploymentFlags {
  readonly from?: string;
  readonly quiet?: true;
  readonly verbose?: true;
}

const examples = `
Examples:
  dynamo exec agg -- pytest -q
  dynamo exec disagg --engine sim -- npx vitest run
  dynamo exec agg -- sh -c 'curl $OPENAI_BASE_URL/models'
  dynamo exec --from report.tar.gz -- pytest -q    against the deployment of a report

The command gets OPENAI_BASE_URL, OPENAI_API_KEY=EMPTY, OPENAI_MODEL, DYNAMO_URL, DYNAMO_RUN, DYNAMO_PROFILE,
DYNAMO_ENGINE and DYNAMO_LOGS. Signals are passed to the command; a second one kills everything at once.
If dynamo exec itself is killed, the command and its children are ended with the deployment.

Exit code: that of the command (128 + n if signal n ended it), 1 if the deployment failed while it ran,
otherwise as for dynamo up. docs/ci.md has examples for pytest, jest and load generators.`;

export const configure: Configure = (command: Command, settle, environment) => {
  addDeploymentOptions(
    command
      .argument('<profile>', 'profile, alias, upstream script or YAML file')
      .argument('[command...]', 'after --: the command and its arguments'),
  )
    .option('--from <file>', 'start the deployment of a report of `dynamo report`')
    .option('-q, --quiet', 'print only errors of dynamo itself')
    .option('-v, --verbose', 'show how the deployment starts and stops')
    .addOption(onOption('exec'))
    .addHelpText('after', examples)
    .action(async (_profile, _command, flags: ExecFlags) =>
      settle(await exec(splitRawArgs(command.args), flags, environment)),
    );
};

async function exec(
  { operands, rawArgs }: ReturnType<typeof splitRawArgs>,
  flags: ExecFlags,
  environment: Environment,
): Promise<number> {
  requireLinux('exec');
  requireOwnState(environment);
  const [program] = rawArgs;
  if (program === undefined) {
    throw new DynamoError('usage', 'dynamo exec needs a command after --.', {
      hint: `dynamo exec ${operands[0] ?? 'agg'} -- ${operands.slice(1).join(' ') || 'pytest -q'}`,
    });
  }
  requireProgram(program, environment.PATH);
  const report =
    flags.from === undefined
      ? undefined
      : await (
          await import('../deployment/from-report.ts')
        ).openReport({ file: flags.from, operands, verb: 'exec' }, settingsOf(flags), environment);
  const { profile } =
    report ??
    (await openProfile(await oneProfile(operands, 'exec', environment), settingsOf(flags), environment));
  const say = (line: string): void =>
    void (flags.quiet === true || process.stderr.write(`dynamo: ${line}\n`));
  await reapDeadRuns(workspaceOf(environment), say);
  const own = { ...planOptionsOf(flags, [], false), name: flags.name ?? ownName(profile.name) };
  return await execRun({
    profile,
    options: report?.optionsWith(own) ?? own,
    onStart: (plan) => report?.differencesTo(plan).forEach(say),
    argv: rawArgs,
    say,
    verbose: flags.verbose === true,
    environment,
  });
}

/** Different from an `agg` that may be up, and from another `exec` that runs at the same time. */
function ownName(profile: string): string {
  return `exec-${cleanName(profile).slice(0, 25)}-${process.pid.toString(36)}`;
}

interface Execution {
  readonly profile: Profile;
  readonly options: PlanOptions;
  readonly argv: readonly string[];
  readonly onStart: (plan: Plan) => void;
  readonly say: (line: string) => void;
  readonly verbose: boolean;
  /** Of the command; the deployment inherits it, too. */
  readonly environment: Environment;
}

/** How long a command may take to end after the deployment failed. */
const commandGraceMs = 10_000;

/** Returns the exit code. Throws DynamoError when the deployment did not come up, was lost, or left something. */
async function execRun(execution: Execution): Promise<number> {
  const { profile, options, say, verbose } = execution;
  const progress = verbose ? progressLines((text) => process.stderr.write(text)) : silentProgress;
  let run: StartedRun | undefined;
  let command: RunningCommand | undefined;
  let killed = false;
  const lost = new AbortController();
  const signals = watchSignals(
    (signal) => {
      if (command === undefined) run?.supervision.stop();
      else command.signal(signal);
    },
    () => {
      killed = true;
      say('killing everything now');
      command?.signal('SIGKILL');
      run?.supervision.kill();
    },
  );
  const onEvent = (event: RunEvent): void => {
    progress.show(event);
    if (event.type === 'failed') lost.abort(event.reason.message);
    if (event.type === 'run' && event.phase === 'stopping') lost.abort('it was stopped');
  };
  try {
    run = await startRun(profile, options, onEvent, execution.environment);
    execution.onStart(run.held.plan);
    if (signals.first() !== undefined) run.supervision.stop();
    const { supervision, held } = run;
    const isReady = (await supervision.ready) !== undefined && signals.first() === undefined;
    let exit: Exit | undefined;
    let failedMeanwhile = false;
    if (isReady) {
      try {
        say(`${held.plan.name} is up at ${held.plan.http.url} (engine ${held.plan.engine})`);
        const environment = { ...execution.environment, ...clientEnvironment(held.plan) };
        command = await startCommand(execution.argv, environment, (identity) =>
          recordCommand(held, identity),
        );
        exit = await untilEnded(command, lost.signal, say);
        failedMeanwhile = lost.signal.aborted && !killed;
      } finally {
        command = undefined;
        supervision.stop();
      }
    } else supervision.stop();
    const error = outcomeError(await supervision.done, held.plan.runId);
    if (error !== undefined) throw error;
    if (failedMeanwhile) throw stoppedMeanwhile(held.plan.runId);
    const signal = signals.first();
    return exit === undefined ? signalExitCode(signal ?? 'SIGTERM') : codeOf(exit);
  } finally {
    signals.end();
  }
}

/**
 * So that the keeper ends it when we are killed. Its own pid is recorded as group and session: on a terminal, the real ones
 * are those of the user's shell.
 */
function recordCommand({ plan, files }: StartedRun['held'], identity: Identity): void {
  appendToLedger(files.ledger, {
    ...identity,
    runId: plan.runId,
    process: 'exec',
    pgrp: identity.pid,
    session: identity.pid,
    logFile: '',
  });
}

/** A command whose deployment is gone gets SIGTERM, then SIGKILL. */
async function untilEnded(
  command: RunningCommand,
  lost: AbortSignal,
  say: (line: string) => void,
): Promise<Exit> {
  const over = new AbortController();
  const endCommand = async (): Promise<void> => {
    say(`the deployment failed: ${String(lost.reason)}; sending SIGTERM to the command`);
    command.signal('SIGTERM');
    await systemClock.sleep(commandGraceMs, over.signal);
    command.signal('SIGKILL');
  };
  // The sleep is aborted when the command ends in time.
  const onLost = (): void => void endCommand().catch(() => {});
  lost.addEventListener('abort', onLost);
  if (lost.aborted) onLost();
  try {
    return await command.ended;
  } finally {
    lost.removeEventListener('abort', onLost);
    over.abort();
  }
}

function stoppedMeanwhile(runId: string): DynamoError {
  return new DynamoError('process-failed', `The deployment ${runId} was stopped while the command ran.`, {
    fields: { runId },
  });
}

/** As a shell reports how a command ended. */
function codeOf({ code, signal }: Exit): number {
  return code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}
