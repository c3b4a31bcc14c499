/** The recent requests of runs: read from their files, and received as traces; each trace belongs to the run of its workers. */
import { existsSync } from 'node:fs';
import { linesOf } from '../base/logs.ts';
import type { RequestRow, TracedSpan } from '../page/messages.ts';
import { requestsFile, spansFile } from '../plan/plan.ts';
import { logTail } from '../run/log-file.ts';
import { followLogs } from '../run/log-follow.ts';
import { openReceiver, usualOtlpPort } from './otlp-receiver.ts';
import { merged, rowOfLine, rowOfSpan, waterfall } from './request-records.ts';
import { type Span, spanOfLine } from './spans.ts';

/** Of one run, on a page. */
export const mostRows = 500;
/** In memory, of all runs together. */
const mostTraces = 2_000;
/** At the end of a file: five a request, and some of upstream's are of no request. */
const mostSpans = 8 * mostRows;

export interface Traces {
  /** The port of loopback on which traces are received; absent if another collector has upstream's. */
  readonly port: number | undefined;
  /** The rows of traces that this run has received itself, or in which one of these workers took part. */
  rowsOf(runFolder: string, isWorker: (id: string) => boolean): readonly RequestRow[];
  spansOf(requestId: string): readonly TracedSpan[];
  /** Called when spans have come; returns a function that ends this. */
  listen(hear: () => void): () => void;
  /** Reads the traces that this run has received itself, and each new one; returns a function that ends this. */
  follow(runFolder: string): () => void;
  close(): Promise<void>;
}

export async function openTraces(port = usualOtlpPort): Promise<Traces> {
  const spans = new Map<string, readonly Span[]>();
  /** By trace: the run that received it itself. */
  const receivedBy = new Map<string, string>();
  const listeners = new Set<() => void>();
  const take = (received: readonly Span[], runFolder?: string): void => {
    for (const span of received) {
      const known = spans.get(span.traceId) ?? [];
      if (runFolder !== undefined) receivedBy.set(span.traceId, runFolder);
      // A file that is followed once more.
      if (known.some(({ spanId }) => spanId === span.spanId)) continue;
      // Last of all, so that the oldest go first.
      spans.delete(span.traceId);
      spans.set(span.traceId, [...known, span]);
    }
    for (const id of spans.keys()) {
      if (spans.size <= mostTraces) break;
      spans.delete(id);
      receivedBy.delete(id);
    }
    for (const hear of listeners) hear();
  };
  const receiver = await openReceiver(port, take);
  const traceOf = (requestId: string): readonly Span[] =>
    [...spans.values()].find((trace) =>
      trace.some(({ attributes }) => attributes['request_id'] === requestId),
    ) ?? [];
  return {
    port: receiver?.port,
    rowsOf: (runFolder, isWorker) =>
      [...spans].flatMap(([id, trace]) => {
        const row = trace.map(rowOfSpan).find((each) => each !== undefined);
        const isIts =
          receivedBy.get(id) === runFolder || trace.some((span) => workersIn(span).some(isWorker));
        if (row === undefined || !isIts) return [];
        return [merged(row, { ...row, ...rolesIn(trace), traced: true })];
      }),
    spansOf: (requestId) => waterfall(traceOf(requestId)),
    listen: (hear) => {
      listeners.add(hear);
      return () => void listeners.delete(hear);
    },
    follow: (runFolder) =>
      followLines(spansFile({ runFolder }), mostSpans, (lines) => take(lines.flatMap(spanOfLine), runFolder)),
    close: async () => await receiver?.close(),
  };
}

function workersIn({ attributes }: Span): string[] {
  const names = ['instance_id', 'worker_id', 'prefill_worker_id', 'decode_worker_id'];
  return names.flatMap((name) => attributes[name] ?? []);
}

/** 1.1.1 does not name the workers on the root span; each handled the request in a span of its own. */
function rolesIn(trace: readonly Span[]): Partial<RequestRow> {
  const handled = (isPrefill: boolean): string | undefined =>
    trace.find(
      ({ name, attributes }) =>
        name === 'handle_payload' &&
        attributes['endpoint'] === 'generate' &&
        (attributes['component'] === 'prefill') === isPrefill,
    )?.attributes['instance_id'];
  const [prefillWorker, decodeWorker] = [handled(true), handled(false)];
  return {
    ...(prefillWorker === undefined ? {} : { prefillWorker }),
    ...(decodeWorker === undefined ? {} : { decodeWorker }),
  };
}

/** The requests in the file of a run, and each new one; returns a function that ends this. */
export function followRequests(runFolder: string, hear: (rows: readonly RequestRow[]) => void): () => void {
  return followLines(requestsFile({ runFolder }), mostRows, (lines) => hear(rowsIn(lines)));
}

/** The last lines of a file, and each new one. */
function followLines(file: string, most: number, hear: (lines: readonly string[]) => void): () => void {
  if (!existsSync(file)) {
    // It appears with the first line.
    const timer = setInterval(() => {
      if (!existsSync(file)) return;
      clearInterval(timer);
      end = followLines(file, most, hear);
    }, lookMs);
    let end = (): void => clearInterval(timer);
    return () => end();
  }
  const tail = logTail(file, most, 'raw');
  hear(tail.lines);
  const follower = followLogs([{ process: '', file, from: tail.end }], {
    look: 'raw',
    onText: (_, text) => hear(linesOf(text)),
  });
  return () => void follower.end();
}

const lookMs = 1_000;

function rowsIn(lines: readonly string[]): RequestRow[] {
  return lines.flatMap((line) => rowOfLine(line) ?? []);
}
