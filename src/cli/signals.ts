/** Turns the first signal into an orderly stop, and a second one into an immediate stop. */
import { constants } from 'node:os';
import type { Environment } from '../base/environment.ts';
import { hangupIsIgnored } from '../process/hangup.ts';

export interface SignalWatch {
  /** The first signal that came, if any. */
  readonly first: () => NodeJS.Signals | undefined;
  /** Stops listening. */
  end(): void;
}

/** npm and shells may send a signal to the whole group and then once more directly: so soon, it is the same request. */
const sameRequestMs = 100;
const asked = ['SIGINT', 'SIGTERM'] as const;

/** Of this process, as `respectNohup` found it. */
let ignoresHangup = false;

/** Called once. Under nohup, SIGHUP is ignored when we start: it stays ignored. */
export function respectNohup(environment: Environment): void {
  ignoresHangup = process.platform === 'linux' && hangupIsIgnored(environment);
  if (ignoresHangup) process.on('SIGHUP', () => {});
}

/** `stop` on the first signal, `kill` on each later one. */
export function watchSignals(stop: (signal: NodeJS.Signals) => void, kill: () => void): SignalWatch {
  let first: NodeJS.Signals | undefined;
  let firstAt = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (first === undefined) {
      first = signal;
      firstAt = Date.now();
      stop(signal);
    } else if (Date.now() - firstAt >= sameRequestMs) kill();
  };
  const watched = ignoresHangup ? asked : ([...asked, 'SIGHUP'] as const);
  for (const signal of watched) process.on(signal, onSignal);
  return {
    first: () => first,
    end: () => {
      for (const signal of watched) process.off(signal, onSignal);
    },
  };
}

/** Exit code after an orderly stop that a signal requested: 128 + n. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + (constants.signals[signal] ?? 0);
}
