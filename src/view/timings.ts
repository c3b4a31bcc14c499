/** What a start took, by process and phase: the summary of `up --timings`. */
import { durationText } from '../base/duration.ts';
import { waitedText } from '../supervisor/events.ts';
import { phases } from '../supervisor/start-phases.ts';
import type { ProcessTimings, StartTimings } from '../supervisor/timings.ts';
import { tableText } from './table.ts';

/** Phases that took less are named only if there is no longer one. */
const shortMs = 50;

/** One line a process, in the order of the plan; ends with a newline. */
export function timingsText({ totalMs, proofMs, processes }: StartTimings): string {
  const rows = [
    ...processes.map((each) => [each.process, durationText(each.readyMs), phasesText(each)]),
    ['proof', durationText(proofMs), 'from the last process that became ready to its answer'],
    ['total', durationText(totalMs), ''],
  ];
  return `${tableText([['PROCESS', 'READY IN', 'PHASES'], ...rows], [false, true])}\n`;
}

function phasesText({ waited, phases: times }: ProcessTimings): string {
  const long = times.filter(({ ms }) => ms >= shortMs);
  const shown = (long.length > 0 ? long : times).map(
    ({ phase, ms }) => `${phases[phase].word} ${durationText(ms)}`,
  );
  const wait = waitedText(waited);
  return [...(wait === undefined ? [] : [`first ${wait}`]), ...shown].join(', ');
}
