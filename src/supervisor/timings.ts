/** What each process did and when, from the events of a run: its phases as spans, and what a start took. Pure. */
import { type ProcessState, type RunEvent, waitedText } from './events.ts';
import { doingText, type LoadProgress } from './progress.ts';
import { phases, isPhase, type StartPhase } from './start-phases.ts';

/** `phase`: while it starts. `state`: at all other times. */
export interface Span {
  readonly from: number;
  /** Absent while it lasts. */
  readonly to?: number;
  readonly state: ProcessState;
  readonly phase?: StartPhase;
  /** In words, for people. */
  readonly text: string;
}

/** A process, and what it does before its log says anything. */
export interface Starter {
  readonly name: string;
  /** Python imports for seconds without a word; of other programs nothing is known. */
  readonly firstPhase?: StartPhase;
}

/** `python3 -m dynamo.…` says nothing until its modules are imported. Source: docs/upstream/processes.md. */
export function firstPhaseOf({ argv }: { readonly argv: readonly string[] }): StartPhase {
  return argv.some((word, i) => word === '-m' && argv[i + 1]?.startsWith('dynamo.')) ? 'imports' : 'unknown';
}

const stateTexts: Readonly<Record<ProcessState, string>> = {
  pending: 'not started yet',
  starting: 'starts',
  started: 'starts up and loads',
  ready: 'ready',
  failed: 'failed',
  backoff: 'waits before it is restarted',
  stopping: 'stops',
  stopped: 'stopped',
};

/** Without gaps. `startedAt`: when the run began; a process that has not been started yet waits since then. */
export function spansOf(starter: Starter, events: readonly RunEvent[], startedAt: number): Span[] {
  const spans: Span[] = [];
  const begin = (span: Span): void => {
    const last = spans.pop();
    if (last !== undefined && span.from > last.from) spans.push({ ...last, to: span.from });
    spans.push(span);
  };
  begin({ from: startedAt, state: 'pending', text: stateTexts.pending });
  for (const event of events) {
    const last = spans.at(-1);
    if (event.type === 'stopped' && last !== undefined)
      return [...spans.slice(0, -1), { ...last, to: event.at }];
    if (event.type === 'process' && event.process === starter.name) {
      const waited = waitedText(event.waited);
      if (waited !== undefined && last !== undefined) spans.splice(-1, 1, { ...last, text: waited });
      begin(spanOfState(event.at, event.state, starter));
    } else if (event.type === 'progress' && event.process === starter.name && last !== undefined) {
      const span = spanOfProgress(event.at, event.progress, last.state);
      // One span a step, however often it reports.
      if (last.phase !== span.phase || last.text !== span.text) begin(span);
    }
  }
  return spans;
}

function spanOfState(from: number, state: ProcessState, { firstPhase = 'unknown' }: Starter): Span {
  if (state !== 'started') return { from, state, text: stateTexts[state] };
  const text = firstPhase === 'unknown' ? stateTexts.started : phases[firstPhase].doing;
  return { from, state, phase: firstPhase, text };
}

/** Without its percentage, which would be new each time. */
function spanOfProgress(from: number, { doing, what, phase }: LoadProgress, state: ProcessState): Span {
  const known = phase !== undefined && isPhase(phase);
  return {
    from,
    state,
    phase: known ? phase : doing === 'downloading' ? 'download' : 'unknown',
    text: known ? doingText({ doing, what, phase }) : `${doing} ${what}`,
  };
}

/** What a phase took; one that came twice is counted together. */
export interface PhaseTime {
  readonly phase: StartPhase;
  readonly ms: number;
}

export interface ProcessTimings {
  readonly process: string;
  /** What it waited for others before it was started; absent if it did not. */
  readonly waited?: { readonly for: string; readonly ms: number };
  /** From its start until it was ready. */
  readonly readyMs: number;
  readonly phases: readonly PhaseTime[];
}

/** A start until the deployment served. */
export interface StartTimings {
  readonly totalMs: number;
  /** From the last process that became ready to the answer that proves that the deployment serves. */
  readonly proofMs: number;
  readonly processes: readonly ProcessTimings[];
}

/** Of the first start. `undefined` if it did not come to serve. */
export function startTimings(
  starters: readonly Starter[],
  events: readonly RunEvent[],
): StartTimings | undefined {
  const end = events.findIndex(({ type }) => type === 'ready');
  const ready = events[end];
  const first = events[0];
  if (ready?.type !== 'ready' || first === undefined) return undefined;
  const start = events.slice(0, end + 1);
  const proving = start.find((event) => event.type === 'run' && event.phase === 'proving');
  return {
    totalMs: ready.tookMs,
    proofMs: ready.at - (proving?.at ?? ready.at),
    processes: starters.map((starter) => processTimings(starter, start, first.at)),
  };
}

function processTimings(starter: Starter, events: readonly RunEvent[], startedAt: number): ProcessTimings {
  const { name } = starter;
  const ofState = (state: ProcessState) =>
    events.find((event) => event.type === 'process' && event.process === name && event.state === state);
  const [starting, ready] = [ofState('starting'), ofState('ready')];
  const sums = new Map<StartPhase, number>();
  for (const { phase, from, to = from } of spansOf(starter, events, startedAt))
    if (phase !== undefined) sums.set(phase, (sums.get(phase) ?? 0) + to - from);
  const waited = starting?.type === 'process' ? starting.waited : undefined;
  return {
    process: name,
    ...(waited === undefined || waitedText(waited) === undefined ? {} : { waited }),
    readyMs: starting === undefined || ready === undefined ? 0 : ready.at - starting.at,
    phases: [...sums].map(([phase, ms]) => ({ phase, ms })),
  };
}
