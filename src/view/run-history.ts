/** `ps --all`: one line a run, newest first, so that ended runs can be told apart. */
import type { ChalkInstance } from 'chalk';
import { durationText } from '../base/duration.ts';
import { colouredState, type RunView } from './run-table.ts';
import { tableText } from './table.ts';

/** How many ended runs are shown unless another number is asked for. */
export const usualCount = 10;

/** Runs that are up, and the newest `count` of those that have ended; the newest run first. */
export function newestRuns(views: readonly RunView[], count: number): RunView[] {
  const newest = views.toSorted((a, b) => Date.parse(b.startedAt) - Date.parse(a.startedAt));
  const ended = newest.filter(hasEnded).slice(0, count);
  return newest.filter((view) => !hasEnded(view) || ended.includes(view));
}

export function hasEnded({ state }: RunView): boolean {
  return state === 'stopped' || state === 'failed';
}

/** Ends without a newline. */
export function historyTable(views: readonly RunView[], style: ChalkInstance, now: number): string {
  const headings = ['ID', 'PROFILE', 'STATE', 'STARTED', 'ENDED', 'WHY'];
  return tableText([
    headings.map((heading) => style.dim(heading)),
    ...views.map((view) => [
      style.bold(view.runId),
      view.engine === 'none' ? 'shared by runs' : `${view.profile} on ${view.engine}`,
      colouredState(view, style),
      ago(view.startedAt, now),
      view.endedAt === undefined ? '-' : ago(view.endedAt, now),
      whyEnded(view),
    ]),
  ]);
}

function ago(time: string, now: number): string {
  return `${durationText(now - Date.parse(time))} ago`;
}

/** One sentence without the full stop; `-` where nothing is wrong. */
export function whyEnded({ failure, trouble, state }: RunView): string {
  if (failure !== undefined) return (failure.diagnosis?.cause ?? failure.message).replace(/\.$/, '');
  return trouble ?? (state === 'stopped' ? 'it was stopped' : '-');
}
