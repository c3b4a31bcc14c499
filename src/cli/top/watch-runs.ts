/** `dynamo top` and `ps --watch`: the runs with their figures, again every second; in a terminal, with keys. */
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Key } from 'node:readline';
import type { Environment } from '../../base/environment.ts';
import { messageOf } from '../../base/error-code.ts';
import { withoutControls } from '../../base/terminal-text.ts';
import { ownCommand } from '../../package/self.ts';
import { askAct } from '../../run/control-client.ts';
import { socketOf, stateFolders } from '../../run/folders.ts';
import { liveScreen, type LiveScreen } from '../../view/live-screen.ts';
import { runTable, runTroubles, type RunView } from '../../view/run-table.ts';
import { styleFor } from '../../view/style.ts';
import { present, topHelp, topKeys, topPressed, topStart, type TopState } from '../../view/top-keys.ts';
import { choices, type Chosen, topText } from '../../view/top-screen.ts';
import { fitHelp } from '../../view/wrap.ts';
import { findRun } from '../../deployment/find-run.ts';
import type { PlaceFlags } from '../kubernetes/place-options.ts';
import { watchClusters } from '../kubernetes/ps-rows.ts';
import { createMeasures } from '../ps/live-measures.ts';
import { type Choice, lookAtRuns, type UsageSample } from '../ps/run-views.ts';
import { type Interruption, watchForInterruption } from '../reader.ts';
import { signalExitCode } from '../signals.ts';
import { readKeys } from './keyboard.ts';

export interface WatchFlags extends PlaceFlags {
  readonly json?: true;
}

/** Between two refreshes. */
const periodMs = 1_000;
/** A result stays on the screen for this long. */
const toldMs = 8_000;

export const noRunsUp = 'no runs are up; `dynamo ps --all` shows ended ones';

/** Until a signal comes, q is pressed, or the reader is gone. The choice is of the runs on this machine. */
export async function watchRuns(
  flags: WatchFlags,
  environment: Environment,
  { wanted, chosen }: Choice,
): Promise<number> {
  const ended = watchForInterruption();
  const left = new Promise<undefined>((resolve) =>
    ended.signal.addEventListener('abort', () => resolve(undefined)),
  );
  const output = outputFor(flags, environment, ended);
  try {
    const measures = createMeasures(environment);
    const remote = watchClusters(flags, environment);
    let sample: UsageSample | undefined;
    while (!ended.signal.aborted) {
      const seen = await Promise.race([lookAtRuns(environment, wanted, sample), left]);
      if (seen === undefined) break;
      sample = seen.sample;
      output.show([...measures.add(chosen(seen.views), seen.sample), ...remote()]);
      await delay(periodMs, undefined, { signal: ended.signal }).catch(() => {});
    }
  } finally {
    output.end();
    ended.end();
  }
  const signal = ended.first() ?? output.interrupted();
  return signal === undefined ? 0 : signalExitCode(signal);
}

interface Output {
  show(runs: readonly RunView[]): void;
  end(): void;
  /** Ctrl-C is a key where keys are read. */
  interrupted(): NodeJS.Signals | undefined;
}

const neverInterrupted = (): undefined => undefined;

const jsonLines: Output = {
  show: (runs) => void process.stdout.write(`${JSON.stringify({ version: 1, runs })}\n`),
  end: () => {},
  interrupted: neverInterrupted,
};

function outputFor(flags: WatchFlags, environment: Environment, ended: Interruption): Output {
  if (flags.json === true) return jsonLines;
  const screen = liveScreen(process.stdout);
  if (process.stdout.isTTY) return topOutput(screen, environment, ended);
  const style = styleFor(process.stdout, environment);
  return {
    show: (runs) =>
      screen.show(
        runs.length === 0 ? noRunsUp : `${runTable(runs, style)}\n${runTroubles(runs, style)}`.trimEnd(),
      ),
    end: () => screen.end(),
    interrupted: neverInterrupted,
  };
}

function topOutput(screen: LiveScreen, environment: Environment, ended: Interruption): Output {
  const style = styleFor(process.stdout, environment);
  let state: TopState = topStart;
  let runs: readonly RunView[] = [];
  let told: { readonly text: string; readonly until: number } | undefined;
  let interrupted: NodeJS.Signals | undefined;
  /** Ends the logs that are shown instead of the screen. */
  let logs: (() => void) | undefined;
  let suspended = false;

  const draw = (): void => {
    if (logs !== undefined || suspended) return;
    if (told !== undefined && told.until < Date.now()) told = undefined;
    screen.show(state.help ? fitHelp(topHelp, screen.width()) : frame(footer()));
  };
  const frame = (foot: string): string => {
    const { sorting } = state;
    const chosen =
      keys === undefined || foot === '' ? undefined : present(state.chosen, choices(runs, sorting));
    const look = {
      width: screen.width(),
      height: screen.height(),
      chosen,
      sorting,
      now: Date.now(),
      footer: foot,
    };
    return runs.length === 0 ? `${noRunsUp}\n\n${foot}` : topText(runs, look, style);
  };
  const footer = (): string => {
    const { asks } = state;
    if (asks !== undefined) return style.yellow(questionText(asks.action, asks.of, runs));
    return told?.text ?? style.dim(keys === undefined ? 'Ctrl-C quits' : topKeys);
  };
  const tell = (text: string, forMs = toldMs): void => {
    told = { text: withoutControls(text), until: Date.now() + forMs };
    draw();
  };
  const act = (action: 'restart' | 'stop' | 'start', of: Chosen): void => {
    const doing = { restart: 'restarting', stop: 'stopping', start: 'starting' }[action];
    tell(`${doing} ${of.process} …`, Infinity);
    actOn(environment, action, of).then(
      () => tell(`${of.process} is ${action === 'stop' ? 'stopped' : 'ready'}`),
      (error: unknown) => tell(`${of.process}: ${messageOf(error)}`),
    );
  };
  const onKey = (key: Key): void => {
    if (logs !== undefined) {
      if (['q', 'l', 'escape'].includes(key.name ?? '') || (key.ctrl === true && key.name === 'c')) logs();
      return;
    }
    state = topPressed(state, key, choices(runs, state.sorting), (of) => isUp(runs, of));
    const { command } = state;
    if (command === undefined) return draw();
    if (command.do === 'act') return act(command.action, command.of);
    if (command.do === 'logs') {
      if (onCluster(runs, command.of)) return tell(`dynamo logs --run ${command.of.runId}`);
      screen.leave();
      logs = showLogs(command.of, environment, () => {
        logs = undefined;
        draw();
      });
      return;
    }
    if (command.do === 'suspend') return suspend();
    if (command.do === 'interrupt') interrupted = 'SIGINT';
    ended.stop();
  };
  const suspend = (): void => {
    suspended = true;
    screen.leave();
    keys?.pause();
    process.once('SIGCONT', () => {
      suspended = false;
      keys?.resume();
      draw();
    });
    process.kill(process.pid, 'SIGTSTP');
  };
  const keys = process.stdin.isTTY ? readKeys(process.stdin, onKey) : undefined;
  process.stdout.on('resize', draw);
  return {
    show: (now) => {
      runs = now;
      draw();
    },
    end: () => {
      process.stdout.off('resize', draw);
      logs?.();
      keys?.end();
      // What stays on the screen says nothing of keys.
      if (!state.help && runs.length > 0) screen.show(frame(''));
      screen.end();
    },
    interrupted: () => interrupted,
  };
}

function processOf(runs: readonly RunView[], { runId, process: name }: Chosen) {
  return runs.find((run) => run.runId === runId)?.processes.find((each) => each.name === name);
}

function isUp(runs: readonly RunView[], of: Chosen): boolean {
  return !['stopped', 'failed'].includes(processOf(runs, of)?.state ?? '');
}

function onCluster(runs: readonly RunView[], { runId }: Chosen): boolean {
  return runs.find((run) => run.runId === runId)?.on !== undefined;
}

/** Says what will be lost. */
function questionText(action: 'restart' | 'stop' | 'start', of: Chosen, runs: readonly RunView[]): string {
  const inFlight = processOf(runs, of)?.figures?.inFlight ?? 0;
  const lost = action === 'start' || inFlight === 0 ? '' : `, with ${inFlight} requests in flight`;
  return `${action} ${of.process}${lost}? y: yes   any other key: no`;
}

async function actOn(
  environment: Environment,
  action: 'restart' | 'stop' | 'start',
  { runId, process: name }: Chosen,
): Promise<void> {
  const folders = stateFolders(environment);
  await askAct(socketOf(folders, findRun(folders, runId).record), action, name);
}

/** Earlier lines that are shown first. */
const tailLines = '200';

/** Shows `dynamo logs` until the result is called, or it ends by itself. */
function showLogs({ runId, process: name }: Chosen, environment: Environment, onEnd: () => void): () => void {
  const [program, ...words] = ownCommand();
  const args = [...words, 'logs', '--follow', '--tail', tailLines, '--run', runId, name];
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...environment } });
  child.once('error', onEnd);
  child.once('exit', onEnd);
  process.stdout.write(`logs of ${name}; q returns\n`);
  return () => void child.kill('SIGTERM');
}
