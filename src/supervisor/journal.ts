/**
 * What a live run told, and its state, which is the fold of that: nothing changes without being told. Whoever opens it
 * may add what the supervision does not know.
 */
import type { Clock } from '../base/clock.ts';
import type { Plan } from '../plan/plan.ts';
import type { RunEvent, StepFacts } from './event.ts';
import { mayFollow, type ProcessState } from './state.ts';
import { initialStatus, reduce, type RunStatus } from './status.ts';

/** The journal adds the time. */
export type News = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 'at'> : never) : never;

export interface Journal {
  tell(news: News): void;
  /** Tells of a step in the life of a process; one that the table of states forbids is not made. */
  enter(process: string, state: ProcessState, about?: StepFacts): void;
  status(): RunStatus;
  /** All that was told, the oldest first. */
  events(): readonly RunEvent[];
  stateOf(process: string): ProcessState;
}

export function openJournal(plan: Plan, clock: Clock, onEvent: (event: RunEvent) => void): Journal {
  const events: RunEvent[] = [];
  let status = initialStatus(plan, clock.now());
  const tell = (news: News): void => {
    const event = { at: clock.now(), ...news };
    events.push(event);
    status = reduce(status, event);
    onEvent(event);
  };
  const stateOf = (process: string): ProcessState => status.processes[process]?.state ?? 'pending';
  return {
    tell,
    status: () => status,
    events: () => events,
    stateOf,
    enter: (process, state, about = {}) => {
      if (mayFollow(stateOf(process), state)) tell({ type: 'process', process, state, ...about });
    },
  };
}
