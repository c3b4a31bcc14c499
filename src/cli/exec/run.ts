/** One command inside one deployment: who is told what, and in which order, until both are gone. */
import { requireServing } from '../../plan/plan.ts';
import { constants } from 'node:os';
import type { Environment } from '../../base/environment.ts';
import { DynamoError } from '../../base/error.ts';
import { systemClock } from '../../base/clock.ts';
import type { PlanOptions } from '../../plan/request.ts';
import type { Identity } from '../../base/identity.ts';
import { type RunningCommand, startCommand } from '../../process/command.ts';
import { appendToLedger, commandDigest } from '../../process/ledger.ts';
import type { Profile } from '../../profile/profile.ts';
import type { Exit, RunEvent } from '../../supervisor/events.ts';
import { progressLines } from '../../view/progress-lines.ts';
import { silentProgress } from '../../view/progress.ts';
import { clientEnvironment, outcomeError, type StartedRun, startRun } from '../../deployment/start-run.ts';
import { signalExitCode, watchSignals } from '../signals.ts';

export interface Execution {
  readonly profile: Profile;
  readonly options: PlanOptions;
  readonly argv: readonly string[];
  readonly say: (line: string) => void;
  readonly verbose: boolean;
  /** Of the command; the deployment inherits it, too. */
  readonly environment: Environment;
}

/** How long a command may go on after it was told that the deployment is lost. */
const goodbyeMs = 10_000;

/** Returns the exit code. Throws DynamoError when the deployment did not come up, was lost, or left something. */
export async function execRun(execution: Execution): Promise<number> {
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
      say('ending everything at once');
      command?.signal('SIGKILL');
      run?.supervision.kill();
    },
  );
  const onEvent = (event: RunEvent): void => {
    progress.show(event);
    if (event.type === 'failed') lost.abort(event.reason.message);
    if (event.type === 'run' && event.phase === 'stopping') lost.abort('it was taken down');
  };
  try {
    run = await startRun(profile, options, onEvent, execution.environment);
    if (signals.first() !== undefined) run.supervision.stop();
    const { supervision, held } = run;
    const isReady = (await supervision.ready) !== undefined && signals.first() === undefined;
    let exit: Exit | undefined;
    let wasLost = false;
    if (isReady) {
      try {
        const plan = requireServing(held.plan);
        say(`${plan.name} is up at ${plan.http.url} (engine ${plan.engine})`);
        const environment = { ...execution.environment, ...clientEnvironment(plan) };
        command = await startCommand(execution.argv, environment, (identity) =>
          writeCommandDown(held, identity, execution.argv),
        );
        exit = await untilEnded(command, lost.signal, say);
        wasLost = lost.signal.aborted && !killed;
      } finally {
        command = undefined;
        supervision.stop();
      }
    } else supervision.stop();
    const error = outcomeError(await supervision.done, held.plan.runId);
    if (error !== undefined) throw error;
    if (wasLost) throw takenDown(held.plan.runId);
    const signal = signals.first();
    return exit === undefined ? signalExitCode(signal ?? 'SIGTERM') : codeOf(exit);
  } finally {
    signals.end();
  }
}

/**
 * So that the keeper ends it when we are killed. Its own number stands for group and session: those of a command on a
 * terminal are the user's.
 */
function writeCommandDown(
  { plan, files }: StartedRun['held'],
  identity: Identity,
  argv: readonly string[],
): void {
  appendToLedger(files.ledger, {
    ...identity,
    runId: plan.runId,
    process: 'exec',
    pgrp: identity.pid,
    session: identity.pid,
    logFile: '',
    command: commandDigest(argv),
  });
}

/** A command whose deployment is gone is told, and ended when it does not listen. */
async function untilEnded(
  command: RunningCommand,
  lost: AbortSignal,
  say: (line: string) => void,
): Promise<Exit> {
  const over = new AbortController();
  const tell = async (): Promise<void> => {
    say(`the deployment is lost: ${String(lost.reason)}; the command is told so (SIGTERM)`);
    command.signal('SIGTERM');
    await systemClock.sleep(goodbyeMs, over.signal);
    command.signal('SIGKILL');
  };
  // It fails only when the command ends in time.
  const onLost = (): void => void tell().catch(() => {});
  lost.addEventListener('abort', onLost);
  if (lost.aborted) onLost();
  try {
    return await command.ended;
  } finally {
    lost.removeEventListener('abort', onLost);
    over.abort();
  }
}

function takenDown(runId: string): DynamoError {
  return new DynamoError('process-failed', `The deployment ${runId} was taken down while the command ran.`);
}

/** As a shell says how a command ended. */
function codeOf({ code, signal }: Exit): number {
  return code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}
