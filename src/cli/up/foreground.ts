/** A run in the foreground: this process supervises, shows progress, then logs, and ends with the run. */
import { type RunEvent, stoppedText } from '../../supervisor/events.ts';
import { fitLines, terminalWidth } from '../../view/wrap.ts';
import { readyPanel } from '../../view/panel.ts';
import { progressLines, chooseProgress } from '../../view/progress.ts';
import { styleFor } from '../../view/style.ts';
import { logTextShower } from '../../view/log-lines.ts';
import { followAdded } from '../../run/added-logs.ts';
import type { LogFollower } from '../../run/log-follow.ts';
import { lastLineOf, logTail } from '../../run/log-file.ts';
import type { Supervision } from '../../supervisor/supervise.ts';
import { failureError, leftBehindError } from '../../deployment/failure-error.ts';
import { pacedOutput, watchForReaderGone, readerGone } from '../reader.ts';
import { runPlan } from '../../deployment/run-plan.ts';
import { signalExitCode, watchSignals } from '../signals.ts';
import { type PreparedRun, releaseRun } from '../../deployment/tidy-up.ts';

export interface ForegroundFlags {
  readonly quiet?: true;
  readonly verbose?: true;
  readonly timings?: true;
}

export async function stayInForeground(prepared: PreparedRun, flags: ForegroundFlags): Promise<number> {
  const { plan, environment } = prepared;
  const quiet = flags.quiet === true;
  let supervision: Supervision | undefined;
  let pendingStop: (() => void) | undefined;
  // From here on a signal must be handled, also while the first process is being started.
  const signals = watchSignals(
    (signal) => {
      if (!quiet) process.stderr.write(`\n${signal}: stopping; press Ctrl-C again to kill everything now\n`);
      if (supervision === undefined) pendingStop = () => supervision?.stop();
      else supervision.stop();
    },
    () => supervision?.kill(),
  );
  const endSuspension = refuseSuspension(plan, quiet);
  // When the reader of our output is gone, the run ends as it would on SIGPIPE, but in order.
  readerGone.addEventListener('abort', () => supervision?.stop());
  watchForReaderGone();
  let logs: LogFollower | undefined;
  try {
    const view = await chooseProgress(plan, quiet, environment.variables, lastLineOf(plan.processes));
    const narrate = narrator(plan.runId, view, flags);
    supervision = await runPlan(prepared, (event) => {
      narrate.show(event);
      followAdded(logs, prepared.files, event);
    });
    pendingStop?.();
    const proof = await supervision.ready;
    await view.end();
    if (proof !== undefined) {
      const panel = readyPanel(
        plan,
        proof,
        narrate.tookMs(),
        styleFor(process.stdout, environment.variables),
      );
      process.stdout.write(fitLines(panel, terminalWidth(process.stdout)));
      if (flags.timings === true) (await import('./timings.ts')).showTimings(plan, narrate.untilReady());
      if (!quiet) logs = await showLogs(prepared, flags.verbose === true);
    }
    const outcome = await supervision.done;
    await logs?.end();
    if (outcome.left.length > 0) throw leftBehindError(outcome.left);
    if (outcome.failure !== undefined) throw failureError(outcome.failure, plan.runId);
    if (!quiet) process.stderr.write(`${stoppedText(outcome)}\n`);
    const signal = signals.first();
    if (signal !== undefined) return signalExitCode(signal);
    return readerGone.aborted ? signalExitCode('SIGPIPE') : 0;
  } finally {
    await logs?.end();
    signals.end();
    endSuspension();
    if (supervision === undefined) releaseRun(prepared);
  }
}

/**
 * Ctrl-Z would suspend the supervisor while the deployment runs on, so it is refused with a message. Returns a function
 * that ends this.
 */
function refuseSuspension({ name }: PreparedRun['plan'], quiet: boolean): () => void {
  const onSuspend = (): void => {
    if (!quiet) process.stderr.write(`\n${refusalText(name)}\n`);
  };
  process.on('SIGTSTP', onSuspend);
  return () => void process.off('SIGTSTP', onSuspend);
}

const refusalText = (name: string): string =>
  `Ctrl-Z does not suspend ${name}: it would run without a supervisor. To run in the background: dynamo up -d, then dynamo attach`;

function isNews({ type }: RunEvent): boolean {
  return type === 'note' || type === 'unhealthy' || type === 'changed' || type === 'decision';
}

/** Progress until ready; after that only what logs do not show. */
function narrator(
  runId: string,
  view: { show(event: RunEvent): void },
  { quiet = false, timings = false }: { readonly quiet?: boolean; readonly timings?: boolean },
) {
  const untilReady: RunEvent[] = [];
  let tookMs = 0;
  let ready = false;
  const lines = progressLines((text) => process.stderr.write(text));
  return {
    tookMs: () => tookMs,
    untilReady: () => untilReady,
    show: (event: RunEvent): void => {
      if (!ready && timings) untilReady.push(event);
      if (!ready) view.show(event);
      else if (isNews(event) && !quiet) lines.show(event);
      else if (event.type === 'run' && event.phase === 'stopping' && !quiet)
        process.stderr.write(`stopping ${runId}\n`);
      if (event.type === 'ready') {
        ready = true;
        tookMs = event.tookMs;
      }
    },
  };
}

async function showLogs({ plan, environment }: PreparedRun, fromTheStart: boolean): Promise<LogFollower> {
  const style = styleFor(process.stdout, environment.variables);
  const show = logTextShower(
    plan.processes.map(({ name }) => name),
    style,
    true,
    terminalWidth(process.stdout),
  );
  const logs = plan.processes.map(({ name, logFile }) => ({
    process: name,
    file: logFile,
    from: fromTheStart ? 0 : logTail(logFile, 0).end,
  }));
  const output = pacedOutput(process.stdout);
  // Not needed before a process runs: the watch of the start has loaded it by now.
  const { followLogs } = await import('../../run/log-follow.ts');
  return followLogs(logs, {
    onText: (name, text) => output.write(show(name, text)),
    room: () => output.flush(),
    look: style.level > 0 ? 'coloured' : 'plain',
  });
}
