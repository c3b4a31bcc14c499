/** Writes a line for each finished text request, as upstream's frontend does with DYN_REQUEST_TRACE (seen with 1.6.1). */
import { appendFile } from 'node:fs/promises';
import { variables } from './variables.ts';

export interface TracedRequest {
  readonly id: string;
  /** Of `performance.now()`: received, handed to a worker, first token, and end. */
  readonly received: number;
  readonly dispatched: number;
  readonly firstToken: number | undefined;
  readonly ended: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly hitRate: number | undefined;
  readonly prefillId: string;
  readonly decodeId: string;
}

let writing: Promise<unknown> = Promise.resolve();

/** Does nothing unless it is switched on. A file that cannot be written is no reason to fail a request. */
export function traceRequest(request: TracedRequest): void {
  const { DYN_REQUEST_TRACE: on, DYN_REQUEST_TRACE_FILE_PATH: file } = variables;
  if (!on || !file) return;
  const line = lineOf(request);
  writing = writing.then(() => appendFile(file, line, { mode: 0o600 })).catch(() => {});
}

function lineOf(of: TracedRequest): string {
  const first = of.firstToken ?? of.ended;
  const now = Date.now();
  const request = {
    request_id: of.id,
    input_tokens: of.promptTokens,
    output_tokens: of.completionTokens,
    cached_tokens: of.cachedTokens,
    request_received_ms: Math.round(now - (of.ended - of.received)),
    prefill_wait_time_ms: of.dispatched - of.received,
    prefill_time_ms: first - of.dispatched,
    ttft_ms: first - of.received,
    total_time_ms: of.ended - of.received,
    ...(of.completionTokens > 1 ? { avg_itl_ms: (of.ended - first) / (of.completionTokens - 1) } : {}),
    ...(of.hitRate === undefined ? {} : { kv_hit_rate: of.hitRate }),
  };
  const event = { schema: 'dynamo.request.trace.v1', event_type: 'request_end', event_time_unix_ms: now };
  // Worker ids are beyond 2^53, so they are written into the JSON as text.
  const worker = `"worker":{"prefill_worker_id":${of.prefillId},"decode_worker_id":${of.decodeId}}`;
  const inner = `${JSON.stringify(request).slice(0, -1)},${worker}}`;
  return `{"timestamp":${Math.round(of.ended)},"event":${JSON.stringify(event).slice(0, -1)},"request":${inner}}}\n`;
}
