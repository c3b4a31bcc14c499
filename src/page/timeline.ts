/** What each process did and when, as bars: from the events of a run. Pure. */
import { waitedText, type ProcessState, type RunEvent } from '../supervisor/events.ts';
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

const kinds: Readonly<Record<ProcessState, Pick<Bar, 'kind' | 'tone' | 'text'>>> = {
  pending: { kind: 'waiting', tone: 'idle', text: 'not started yet' },
  starting: { kind: 'starting', tone: 'busy', text: 'starts' },
  started: { kind: 'loading', tone: 'busy', text: 'starts up and loads' },
  ready: { kind: 'ready', tone: 'good', text: 'ready' },
  failed: { kind: 'down', tone: 'bad', text: 'failed' },
  backoff: { kind: 'restarting', tone: 'warn', text: 'waits before it is restarted' },
  stopping: { kind: 'stopping', tone: 'warn', text: 'stops' },
  stopped: { kind: 'down', tone: 'idle', text: 'stopped' },
};

/** `startedAt`: when the run began; a process that has not been started yet waits since then. */
export function lanesOf(
  processes: readonly { readonly name: string }[],
  events: readonly RunEvent[],
  startedAt: number,
): Lane[] {
  const end = events.findLast(({ type }) => type === 'stopped')?.at;
  return processes.map(({ name }) => {
    let bars: Bar[] = [{ ...kinds.pending, from: startedAt }];
    const begin = (at: number, next: Pick<Bar, 'kind' | 'tone' | 'text'>): void => {
      const last = bars.at(-1);
      const closed = last === undefined ? [] : [{ ...last, to: at }];
      bars = [...bars.slice(0, -1), ...closed, { ...next, from: at }];
    };
    for (const event of events) {
      if (event.type === 'process' && event.process === name) {
        const waited = waitedText(event.waited);
        if (waited !== undefined)
          bars = [
            ...bars.slice(0, -1),
            { ...(bars.at(-1) ?? { ...kinds.pending, from: startedAt }), text: waited },
          ];
        begin(event.at, kinds[event.state]);
      } else if (event.type === 'progress' && event.process === name) {
        const { doing, what } = event.progress;
        const last = bars.at(-1);
        // One bar a step, however often it reports.
        if (last?.kind === doing && last.text === `${doing} ${what}`) continue;
        begin(event.at, { kind: doing, tone: 'busy', text: `${doing} ${what}` });
      }
    }
    const last = bars.at(-1);
    const closed =
      end === undefined || last === undefined ? bars : [...bars.slice(0, -1), { ...last, to: end }];
    return { process: name, bars: closed.filter(({ from, to }) => to === undefined || to > from) };
  });
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
