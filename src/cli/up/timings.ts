/** What the start of a run took, for `up --timings` and its JSON. */
import type { Plan } from '../../plan/plan.ts';
import type { RunEvent } from '../../supervisor/events.ts';
import { firstPhaseOf, type StartTimings, startTimings } from '../../supervisor/timings.ts';
import { timingsText } from '../../view/timings.ts';
import { fitLines, terminalWidth } from '../../view/wrap.ts';

/** `events`: from the first one to `ready`. */
export function timingsOf({ processes }: Plan, events: readonly RunEvent[]): StartTimings | undefined {
  const starters = processes.map((spec) => ({ name: spec.name, firstPhase: firstPhaseOf(spec) }));
  return startTimings(starters, events);
}

export function showTimings(plan: Plan, events: readonly RunEvent[]): void {
  const timings = timingsOf(plan, events);
  if (timings === undefined) return;
  process.stdout.write(`${fitLines(timingsText(timings), terminalWidth(process.stdout))}\n`);
}
