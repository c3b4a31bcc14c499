/** The state of a run, computed from its events: what `ps` shows during the run and after it, and the journal of a live run. */
import type { Clock } from '../base/clock.ts';
import type { Plan } from '../plan/plan.ts';
import {
  type Exit,
  type Failure,
  mayFollow,
  type ProcessState,
  type Proof,
  type RunEvent,
  type StepFacts,
  type Waited,
} from './events.ts';
import type { LoadProgress } from './progress.ts';

export type Phase = 'starting' | 'proving' | 'ready' | 'stopping' | 'stopped' | 'failed';

export interface ProcessStatus {
  readonly name: string;
  readonly state: ProcessState;
  readonly pid?: number;
  readonly since: number;
  /** How often it was restarted. */
  readonly restarts: number;
  readonly exit?: Exit;
  /** What it had to wait for before it was last started. */
  readonly waited?: Waited;
  /** What is wrong with it, while it is being stopped for that. */
  readonly unhealthy?: string;
  /** How far it has got; only while it is not ready. */
  readonly progress?: LoadProgress;
}

export interface RunStatus {
  readonly phase: Phase;
  readonly since: number;
  readonly processes: Readonly<Record<string, ProcessStatus>>;
  readonly proof?: Proof;
  readonly failure?: Failure;
}

/** `plan`: its processes; a page knows no more of a plan. */
export function initialStatus(
  plan: { readonly processes: readonly { readonly name: string }[] },
  at: number,
): RunStatus {
  return {
    phase: 'starting',
    since: at,
    processes: pendingSince(
      plan.processes.map(({ name }) => name),
      at,
    ),
  };
}

function pendingSince(names: readonly string[], at: number): RunStatus['processes'] {
  return Object.fromEntries(
    names.map((name): [string, ProcessStatus] => [name, { name, state: 'pending', since: at, restarts: 0 }]),
  );
}

function changedProcesses(
  { processes }: RunStatus,
  { added, removed, at }: RunEvent & { readonly type: 'changed' },
): RunStatus['processes'] {
  const stay = Object.entries(processes).filter(([name]) => !removed.includes(name));
  return { ...Object.fromEntries(stay), ...pendingSince(added, at) };
}

export function reduce(status: RunStatus, event: RunEvent): RunStatus {
  switch (event.type) {
    case 'process': {
      const before = status.processes[event.process];
      const { process: name, state, at: since, pid = before?.pid, exit = before?.exit } = event;
      const waited = state === 'starting' ? event.waited : before?.waited;
      const after: ProcessStatus = {
        name,
        state,
        since,
        restarts: (before?.restarts ?? 0) + (state === 'starting' && before?.state !== 'pending' ? 1 : 0),
        ...(pid === undefined ? {} : { pid }),
        ...(exit === undefined ? {} : { exit }),
        ...(waited === undefined ? {} : { waited }),
      };
      return { ...status, processes: { ...status.processes, [name]: after } };
    }
    case 'run':
      return { ...status, phase: event.phase, since: event.at };
    case 'unhealthy': {
      const before = status.processes[event.process];
      if (before === undefined) return status;
      const after = { ...before, unhealthy: event.seen };
      return { ...status, processes: { ...status.processes, [event.process]: after } };
    }
    case 'changed':
      return { ...status, processes: changedProcesses(status, event) };
    case 'waiting':
    case 'decision':
    case 'note':
      return status;
    case 'progress':
      return withProgress(status, event.process, event.progress);
    case 'ready':
      return { ...status, phase: 'ready', since: event.at, proof: event.proof };
    case 'failed':
      return { ...status, failure: event.reason };
    case 'diagnosed':
      return status.failure === undefined
        ? status
        : { ...status, failure: { ...status.failure, diagnosis: event.diagnosis } };
    case 'stopped':
      return { ...status, phase: status.failure === undefined ? 'stopped' : 'failed', since: event.at };
  }
}

function withProgress(status: RunStatus, name: string, progress: LoadProgress): RunStatus {
  const before = status.processes[name];
  if (before === undefined) return status;
  return { ...status, processes: { ...status.processes, [name]: { ...before, progress } } };
}

/** An event without its time, which the journal adds. */
export type EventData = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 'at'> : never) : never;

/**
 * The events of a live run, and the state computed from them: every change is recorded. Its opener may record events that
 * the supervision does not know of.
 */
export interface Journal {
  record(data: EventData): void;
  /** Records a state change of a process; one that the table of transitions forbids is ignored. */
  enter(process: string, state: ProcessState, about?: StepFacts): void;
  status(): RunStatus;
  /** All events so far, oldest first. */
  events(): readonly RunEvent[];
  stateOf(process: string): ProcessState;
}

export function openJournal(plan: Plan, clock: Clock, onEvent: (event: RunEvent) => void): Journal {
  const events: RunEvent[] = [];
  let status = initialStatus(plan, clock.now());
  const record = (data: EventData): void => {
    const event = { at: clock.now(), ...data };
    events.push(event);
    status = reduce(status, event);
    onEvent(event);
  };
  const stateOf = (process: string): ProcessState => status.processes[process]?.state ?? 'pending';
  return {
    record,
    status: () => status,
    events: () => events,
    stateOf,
    enter: (process, state, about = {}) => {
      if (mayFollow(stateOf(process), state)) record({ type: 'process', process, state, ...about });
    },
  };
}
