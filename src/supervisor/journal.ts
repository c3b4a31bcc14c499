/** The state of a live run, which is the fold of what it told: nothing changes without being told, and nothing is kept twice. */
import type { Plan } from '../plan/plan.ts';
import type { RunEvent, StepFacts } from './event.ts';
import { mayFollow, type ProcessState } from './state.ts';
import { initialStatus, reduce, type RunStatus } from './status.ts';
import type { World } from './world.ts';

/** The journal adds the time. */
export type News = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 'at'> : never) : never;

export interface Journal {
  tell(news: News): void;
  /** Tells of a step in the life of a process; one that the table of states forbids is not made. */
  enter(process: string, state: ProcessState, about?: StepFacts): void;
  status(): RunStatus;
  stateOf(process: string): ProcessState;
}

export function openJournal(plan: Plan, { clock, onEvent }: Pick<World, 'clock' | 'onEvent'>): Journal {
  let status = initialStatus(plan, clock.now());
  const tell = (news: News): void => {
    const event = { at: clock.now(), ...news };
    status = reduce(status, event);
    onEvent(event);
  };
  const stateOf = (process: string): ProcessState => status.processes[process]?.state ?? 'pending';
  return {
    tell,
    status: () => status,
    stateOf,
    enter: (process, state, about = {}) => {
      if (mayFollow(stateOf(process), state)) tell({ type: 'process', process, state, ...about });
    },
  };
}
