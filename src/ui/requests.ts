/** The recent requests of runs: read from their files, and received as traces; each trace belongs to the run of its workers. */
import { existsSync } from 'node:fs';
import { linesOf } from '../base/logs.ts';
import type { RequestRow, TracedSpan } from '../page/messages.ts';
import { requestsFile } from '../plan/plan.ts';
import { logTail } from '../run/log-file.ts';
import { followLogs } from '../run/log-follow.ts';
import { openReceiver, usualOtlpPort } from './otlp-receiver.ts';
import { merged, rowOfLine, rowOfSpan, waterfall } from './request-records.ts';
import type { Span } from './spans.ts';

/** Of one run, on a page. */
export const mostRows = 500;
/** In memory, of all runs together. */
const mostTraces = 2_000;

export interface Traces {
  /** The port of loopback on which traces are received; absent if another collector has upstream's. */
  readonly port: number | undefined;
  /** The rows of traces in which one of these workers took part. */
  rowsOf(isWorker: (id: string) => boolean): readonly RequestRow[];
  spansOf(requestId: string): readonly TracedSpan[];
  /** Called when spans have come; returns a function that ends this. */
  listen(hear: () => void): () => void;
  close(): Promise<void>;
}

export async function openTraces(port = usualOtlpPort): Promise<Traces> {
  const spans = new Map<string, readonly Span[]>();
  const listeners = new Set<() => void>();
  const receiver = await openReceiver(port, (received) => {
    for (const span of received) {
      const known = spans.get(span.traceId) ?? [];
      // Last of all, so that the oldest go first.
      spans.delete(span.traceId);
      spans.set(span.traceId, [...known, span]);
    }
    for (const id of spans.keys()) {
      if (spans.size <= mostTraces) break;
      spans.delete(id);
    }
    for (const hear of listeners) hear();
  });
  const traceOf = (requestId: string): readonly Span[] =>
    [...spans.values()].find((trace) =>
      trace.some(({ attributes }) => attributes['request_id'] === requestId),
    ) ?? [];
  return {
    port: receiver?.port,
    rowsOf: (isWorker) =>
      [...spans.values()].flatMap((trace) => {
        const row = trace.map(rowOfSpan).find((each) => each !== undefined);
        if (row === undefined || !trace.some((span) => workersIn(span).some(isWorker))) return [];
        return [merged(row, { ...row, ...rolesIn(trace), traced: true })];
      }),
    spansOf: (requestId) => waterfall(traceOf(requestId)),
    listen: (hear) => {
      listeners.add(hear);
      return () => void listeners.delete(hear);
    },
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
  const file = requestsFile({ runFolder });
  if (!existsSync(file)) {
    // It appears with the first request.
    const timer = setInterval(() => {
      if (!existsSync(file)) return;
      clearInterval(timer);
      end = followRequests(runFolder, hear);
    }, lookMs);
    let end = (): void => clearInterval(timer);
    return () => end();
  }
  const tail = logTail(file, mostRows, 'raw');
  hear(rowsIn(tail.lines));
  const follower = followLogs([{ process: '', file, from: tail.end }], {
    look: 'raw',
    onText: (_, text) => hear(rowsIn(linesOf(text))),
  });
  return () => void follower.end();
}

const lookMs = 1_000;

function rowsIn(lines: readonly string[]): RequestRow[] {
  return lines.flatMap((line) => rowOfLine(line) ?? []);
}
