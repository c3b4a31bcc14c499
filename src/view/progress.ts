/** The progress of a run: as a live list in a terminal, as plain lines with a time elsewhere, or not at all. */
import { changedText, decisionText, type RunEvent, stoppedText, waitedText } from '../supervisor/events.ts';
import { withoutControls } from '../base/terminal-text.ts';
import { exitText } from '../supervisor/failure.ts';
import { doingText } from '../supervisor/progress.ts';
import { durationText } from '../base/duration.ts';
import type { Environment } from '../base/environment.ts';
import type { Plan } from '../plan/plan.ts';

export interface Progress {
  show(event: RunEvent): void;
  /** Nothing is drawn after this; what was drawn stays. */
  end(): Promise<void>;
}

export const silentProgress: Progress = { show: () => {}, end: async () => {} };

/** More lines than this, in one phase, would hide everything else. */
const progressEveryMs = 10_000;

export function progressLines(write: (text: string) => void): Progress {
  const startedAt = new Map<string, number>();
  const shown = new Map<string, { readonly at: number; readonly phase: string | undefined }>();
  return {
    show: (event) => {
      if (event.type === 'process' && event.state === 'starting') {
        startedAt.set(event.process, event.at);
        const waited = waitedText(event.waited);
        if (waited !== undefined) write(lineAt(event.at, `${event.process} ${waited}`));
      }
      if (event.type === 'progress') {
        const { phase } = event.progress;
        const last = shown.get(event.process);
        if (last !== undefined && last.phase === phase && event.at - last.at < progressEveryMs) return;
        shown.set(event.process, { at: event.at, phase });
      }
      const text = lineFor(event, startedAt);
      if (text !== undefined) write(lineAt(event.at, text));
    },
    end: async () => {},
  };
}

function lineAt(at: number, text: string): string {
  // It may quote what other programs wrote.
  return `${new Date(at).toISOString()}  ${withoutControls(text)}\n`;
}

function lineFor(event: RunEvent, startedAt: ReadonlyMap<string, number>): string | undefined {
  switch (event.type) {
    case 'process': {
      const { process, state, pid, exit, at } = event;
      if (state === 'starting') return undefined;
      if (state === 'ready')
        return `${process} ready after ${durationText(at - (startedAt.get(process) ?? at))}`;
      if (state === 'failed' && exit !== undefined) return `${process} failed: ${exitText(exit)}`;
      return `${process} ${state}${pid === undefined ? '' : ` (pid ${pid})`}`;
    }
    case 'run':
      return event.phase === 'proving' ? undefined : event.phase;
    case 'unhealthy':
      return `${event.process} is unhealthy: ${event.seen}`;
    case 'waiting':
      return `waiting for ${event.for}`;
    case 'changed':
      return changedText(event);
    case 'decision':
      return decisionText(event);
    case 'note':
      return event.text;
    case 'progress':
      return `${event.process} is ${doingText(event.progress)}`;
    case 'diagnosed':
      return `cause: ${event.diagnosis.cause}`;
    case 'failed':
      return `failed: ${event.reason.message}`;
    case 'ready':
      return `ready after ${durationText(event.tookMs)}`;
    case 'stopped':
      return stoppedText(event);
  }
}

/** `lastLine`: of the log of a process. */
export async function chooseProgress(
  plan: Plan,
  quiet: boolean,
  environment: Environment,
  lastLine: (process: string) => string | undefined,
): Promise<Progress> {
  if (quiet) return silentProgress;
  if (!drawsOnStderr(environment)) return progressLines((text) => process.stderr.write(text));
  const { progressTasks } = await import('./live-tasks.ts');
  return progressTasks(plan, lastLine);
}

/** Whether a list can be drawn there, and drawn again. */
export function drawsOnStderr({ TERM }: Environment): boolean {
  return process.stderr.isTTY === true && TERM !== 'dumb';
}
