/** What the page knows: built from the messages of the server, and read by its parts. */
import { useEffect, useState } from 'preact/hooks';
import type { RunEvent } from '../supervisor/events.ts';
import { initialStatus, reduce, type RunStatus } from '../supervisor/status.ts';
import type { Figures } from '../metrics/figures.ts';
import type { LogLine, Message, RequestRow, RunDetail, RunSummary, Sample, Usage } from './messages.ts';

export interface Known {
  readonly host: string;
  readonly version: string;
  /** `connecting` before the first message; `lost` while the server cannot be reached. */
  readonly connection: 'connecting' | 'open' | 'lost' | 'refused';
  readonly runs: readonly RunSummary[] | undefined;
  readonly older: number;
  readonly run: RunDetail | undefined;
  /** Why the chosen run cannot be shown. */
  readonly noRun: string | undefined;
  readonly events: readonly RunEvent[];
  readonly status: RunStatus | undefined;
  /** Of the last minute; absent before the first look, and for a run that has ended. */
  readonly figures: Figures | undefined;
  readonly samples: readonly Sample[];
  readonly tracesPort: number | undefined;
  /** Oldest first. */
  readonly requests: readonly RequestRow[];
  readonly workers: Readonly<Record<string, string>>;
  readonly usage: Readonly<Record<string, Usage>>;
  readonly logs: readonly LogLine[];
  readonly skippedLines: number;
}

const nothing: Known = {
  host: '',
  version: '',
  connection: 'connecting',
  runs: undefined,
  older: 0,
  run: undefined,
  noRun: undefined,
  events: [],
  status: undefined,
  figures: undefined,
  samples: [],
  tracesPort: undefined,
  requests: [],
  workers: {},
  usage: {},
  logs: [],
  skippedLines: 0,
};

/** More lines than this are dropped from the page; the files keep them. */
const mostLines = 20_000;

/** An hour, at one a second. */
const mostSamples = 5_600;

/** What is known after a message. Pure. */
export function learn(known: Known, message: Message): Known {
  switch (message.type) {
    case 'hello':
      return {
        ...known,
        connection: 'open',
        version: message.version,
        host: message.host,
        tracesPort: message.tracesPort,
        // They come again, all of them.
        requests: [],
      };
    case 'runs':
      return { ...known, runs: message.runs, older: message.older };
    case 'run':
      return { ...known, run: message.run, noRun: undefined };
    case 'no-run':
      return { ...known, noRun: message.why };
    case 'events': {
      const { run } = known;
      if (run === undefined) return known;
      const before = message.reset ? [] : known.events;
      const status = message.reset ? undefined : known.status;
      return {
        ...known,
        events: [...before, ...message.events],
        status: message.events.reduce(reduce, status ?? initialStatus(run, run.startedAt)),
      };
    }
    case 'past':
      return { ...known, samples: message.samples };
    case 'figures': {
      const { figures, usage, sample } = message;
      const samples = [...known.samples.slice(-mostSamples), sample];
      return { ...known, figures, usage, samples };
    }
    case 'requests':
      return {
        ...known,
        requests: withRows(known.requests, message.rows),
        workers: { ...known.workers, ...message.workers },
      };
    case 'logs': {
      const lines = message.reset ? message.lines : [...known.logs, ...message.lines];
      return {
        ...known,
        logs: lines.length > mostLines ? lines.slice(-mostLines) : lines,
        skippedLines: (message.reset ? 0 : known.skippedLines) + message.skipped,
      };
    }
  }
}

const mostRequests = 500;

function withRows(rows: readonly RequestRow[], more: readonly RequestRow[]): readonly RequestRow[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const row of more) {
    const set = Object.entries(row).filter(([, value]) => value !== undefined);
    // What is not known now does not hide what was.
    byId.set(row.id, { ...(byId.get(row.id) ?? row), ...(Object.fromEntries(set) as Partial<RequestRow>) });
  }
  return [...byId.values()].toSorted((a, b) => a.at - b.at).slice(-mostRequests);
}

let known = nothing;
const listeners = new Set<() => void>();

export function update(change: (known: Known) => Known): void {
  known = change(known);
  for (const listener of listeners) listener();
}

/** For a new run: nothing of the one before is shown. */
export function forgetRun(): void {
  update(({ host, version, connection, runs, older, tracesPort }) => ({
    ...nothing,
    host,
    version,
    connection,
    runs,
    older,
    tracesPort,
  }));
}

/** Draws the component again when something is learnt, at most once a frame. */
export function useKnown(): Known {
  const [shown, show] = useState(known);
  useEffect(() => {
    let frame: number | undefined;
    const look = (): void => {
      frame ??= requestAnimationFrame(() => {
        frame = undefined;
        show(known);
      });
    };
    look();
    listeners.add(look);
    return () => {
      listeners.delete(look);
      if (frame !== undefined) cancelAnimationFrame(frame);
    };
  }, []);
  return shown;
}
