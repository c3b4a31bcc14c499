/** Recent requests: from the file that a frontend writes with DYN_REQUEST_TRACE, and from the root spans of traces. Pure. */
import { object, number, optional, text, type Shape } from '../base/shape.ts';
import type { RequestRow, TracedSpan } from '../page/messages.ts';
import type { Span } from './spans.ts';

/** In lines of `dynamo.request.trace.v1`; seen with 1.6.1. */
interface TraceLine {
  readonly event: {
    readonly schema: string;
    readonly event_type: string;
    readonly event_time_unix_ms: number;
    readonly request: Readonly<Record<string, unknown>>;
  };
}

const lineShape: Shape = object({
  event: object({
    schema: text,
    event_type: text,
    event_time_unix_ms: number,
    request: object({ request_id: text, request_received_ms: optional(number) }),
  }),
});

/** `undefined` for any other line. */
export function rowOfLine(line: string): RequestRow | undefined {
  let value: unknown;
  try {
    // Ids of workers exceed 2^53: read as text.
    value = JSON.parse(line.replaceAll(/("\w*worker_id":)\s*(\d+)/g, '$1"$2"'));
  } catch {
    return undefined;
  }
  if (lineShape(value, '') !== undefined) return undefined;
  const { event } = value as TraceLine;
  if (event.schema !== 'dynamo.request.trace.v1' || event.event_type !== 'request_end') return undefined;
  const of = event.request;
  const worker = (typeof of['worker'] === 'object' ? of['worker'] : null) as Readonly<
    Record<string, unknown>
  > | null;
  const totalMs = numberIn(of, 'total_time_ms');
  return {
    id: String(of['request_id']),
    at: numberIn(of, 'request_received_ms') ?? event.event_time_unix_ms - (totalMs ?? 0),
    inputTokens: numberIn(of, 'input_tokens'),
    outputTokens: numberIn(of, 'output_tokens'),
    cachedTokens: numberIn(of, 'cached_tokens'),
    waitMs: numberIn(of, 'prefill_wait_time_ms'),
    prefillMs: numberIn(of, 'prefill_time_ms'),
    ttftMs: numberIn(of, 'ttft_ms'),
    itlMs: numberIn(of, 'avg_itl_ms'),
    totalMs,
    prefillWorker: textIn(worker, 'prefill_worker_id'),
    decodeWorker: textIn(worker, 'decode_worker_id'),
  };
}

function numberIn(of: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const value = of[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function textIn(of: Readonly<Record<string, unknown>> | null, name: string): string | undefined {
  const value = of?.[name];
  return typeof value === 'string' ? value : undefined;
}

/** Of a root span; `undefined` for any other span. Attributes as seen with 1.1.1 and 1.6.1. */
export function rowOfSpan({ name, from, to, attributes }: Span): RequestRow | undefined {
  const id = attributes['request_id'];
  if (name !== 'http-request' || id === undefined) return undefined;
  const value = (key: string): number | undefined => {
    const found = Number(attributes[key] ?? Number.NaN);
    return Number.isFinite(found) ? found : undefined;
  };
  return {
    id,
    at: from,
    path: attributes['uri'],
    inputTokens: value('input_tokens'),
    outputTokens: value('output_tokens'),
    ttftMs: value('ttft_ms'),
    itlMs: value('avg_itl_ms'),
    totalMs: to - from,
    prefillWorker: attributes['prefill_worker_id'],
    decodeWorker: attributes['decode_worker_id'],
    outcome: attributes['request.outcome'],
  };
}

/** The same request from both sources: what one does not know, the other may. */
export function merged(first: RequestRow | undefined, second: RequestRow): RequestRow {
  const set = Object.entries(second).filter(([, value]) => value !== undefined);
  return { ...first, ...(Object.fromEntries(set) as unknown as RequestRow) };
}

/** The spans of a trace as a page draws them: parents before their children, each with its depth. */
export function waterfall(spans: readonly Span[]): TracedSpan[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const below = (parentId: string | undefined, depth: number): TracedSpan[] =>
    spans
      .filter((span) => (parentId === undefined ? !ids.has(span.parentId) : span.parentId === parentId))
      .toSorted((a, b) => a.from - b.from)
      .flatMap((span) => {
        const { spanId, name, service, from, to, attributes } = span;
        const shown = Object.fromEntries(Object.entries(attributes).filter(([key]) => !hidden.test(key)));
        return [{ depth, name, service, from, to, attributes: shown }, ...below(spanId, depth + 1)];
      });
  // Depth is limited by the number of spans: ids that point in a circle have no root, and are left out.
  return below(undefined, 0);
}

/** Where in the source a span begins, and which thread ran it. */
const hidden = /^(code\.|thread\.|target$|level$|busy_ns$|idle_ns$|trace_id$|parent_id$|trace_flags$)/;
