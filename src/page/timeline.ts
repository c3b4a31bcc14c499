/** What each process did and when, as bars: from the events of a run. Pure. */
import { decisionText, type ProcessState, type RunEvent } from '../supervisor/events.ts';
import { spansOf, type Starter } from '../supervisor/timings.ts';
import type { Tone } from './wiring.ts';

export interface Bar {
  readonly from: number;
  /** Absent while it lasts. */
  readonly to?: number;
  readonly tone: Tone;
  readonly kind:
    | 'waiting'
    | 'starting'
    | 'downloading'
    | 'loading'
    | 'ready'
    | 'restarting'
    | 'stopping'
    | 'down';
  /** In words, for people. */
  readonly text: string;
}

export interface Lane {
  readonly process: string;
  readonly bars: readonly Bar[];
}

const kinds: Readonly<Record<ProcessState, Pick<Bar, 'kind' | 'tone'>>> = {
  pending: { kind: 'waiting', tone: 'idle' },
  starting: { kind: 'starting', tone: 'busy' },
  started: { kind: 'loading', tone: 'busy' },
  ready: { kind: 'ready', tone: 'good' },
  failed: { kind: 'down', tone: 'bad' },
  backoff: { kind: 'restarting', tone: 'warn' },
  stopping: { kind: 'stopping', tone: 'warn' },
  stopped: { kind: 'down', tone: 'idle' },
};

/** `startedAt`: when the run began. */
export function lanesOf(
  processes: readonly Starter[],
  events: readonly RunEvent[],
  startedAt: number,
): Lane[] {
  const lanes = processes.map((process) => ({
    process: process.name,
    bars: spansOf(process, events, startedAt)
      .filter(({ from, to }) => to === undefined || to > from)
      .map(({ state, phase, ...span }) => ({
        ...span,
        ...kinds[state],
        ...(phase === 'download' || phase === 'image' ? { kind: 'downloading' as const } : {}),
      })),
  }));
  const proof = proofBar(events);
  return proof === undefined ? lanes : [...lanes, { process: 'proof', bars: [proof] }];
}

/** From the last process that became ready to the answer that proves that the deployment serves. */
function proofBar(events: readonly RunEvent[]): Bar | undefined {
  const from = events.find((event) => event.type === 'run' && event.phase === 'proving')?.at;
  if (from === undefined) return undefined;
  const to = events.find(({ type, at }) => at >= from && (type === 'ready' || type === 'stopped'))?.at;
  return {
    from,
    ...(to === undefined ? {} : { to }),
    kind: 'loading',
    tone: 'busy',
    text: 'proves that it serves',
  };
}

export interface Mark {
  readonly at: number;
  readonly tone: Tone;
  readonly text: string;
  readonly process?: string;
}

/** What a person wants to see on a chart: restarts, failures, what was stopped and what became ready again. */
export function marksOf(events: readonly RunEvent[]): Mark[] {
  const served = events.find(({ type }) => type === 'ready')?.at;
  return events.flatMap((event): Mark[] => {
    const { at } = event;
    if (event.type === 'ready') return [{ at, tone: 'good', text: 'ready' }];
    if (event.type === 'failed') return [{ at, tone: 'bad', text: 'failed' }];
    if (event.type === 'run' && event.phase === 'stopping') return [{ at, tone: 'warn', text: 'stopping' }];
    if (event.type === 'decision' && event.outcome !== 'done')
      return [{ at, tone: event.outcome === 'taken' ? 'busy' : 'warn', text: decisionText(event) }];
    if (event.type === 'unhealthy')
      return [{ at, tone: 'bad', text: `${event.process} unhealthy`, process: event.process }];
    // Before the first answer, every process starts: that is no news.
    if (event.type !== 'process' || served === undefined || at <= served) return [];
    const { process, state } = event;
    if (state === 'failed') return [{ at, tone: 'bad', text: `${process} ended`, process }];
    if (state === 'ready') return [{ at, tone: 'good', text: `${process} ready again`, process }];
    if (state === 'stopping') return [{ at, tone: 'warn', text: `${process} stopping`, process }];
    return [];
  });
}
