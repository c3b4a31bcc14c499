/** The request plane between frontend and workers: one JSON request, answered by JSON lines. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError, asApiError, unavailable } from './api-body.ts';
import { bracketed, clientGone, listen, readBody, readLines, sendText } from './http.ts';
import type { ImageInfo } from './images.ts';
import { log } from './log.ts';
import type { Metrics } from './metrics.ts';

export interface Rendezvous {
  /** `host:port` of the prefill worker's bootstrap server. */
  readonly address: string;
  readonly room: string;
}

export interface TextRequest {
  readonly kind: 'text';
  readonly prompt: string;
  readonly images: readonly string[];
  /** Set if a dedicated encode worker has read the images. */
  readonly imageInfo: readonly ImageInfo[] | null;
  readonly maxTokens: number | null;
  readonly stop: readonly string[];
  readonly rendezvous: Rendezvous | null;
}

/** The user's body as received: the worker reads it and returns the body of the answer. */
export interface WholeRequest {
  readonly kind: 'embedding' | 'image' | 'video';
  readonly id: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export type WorkRequest =
  | TextRequest
  | WholeRequest
  | { readonly kind: 'encode'; readonly images: readonly string[] };

export type Frame =
  | { readonly type: 'start'; readonly promptTokens: number; readonly cachedTokens: number }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'end'; readonly finishReason: 'stop' | 'length'; readonly completionTokens: number }
  | { readonly type: 'images'; readonly images: readonly ImageInfo[] }
  | { readonly type: 'whole'; readonly body: unknown }
  | { readonly type: 'error'; readonly status: number; readonly message: string; readonly param?: string };

export type Frames = AsyncGenerator<Frame, void>;

/** Calls a worker and yields its answer. `onLost`: the worker did not answer or disconnected halfway. */
export async function* callWorker(
  tcp: string,
  body: WorkRequest,
  signal: AbortSignal,
  onLost: () => void,
): Frames {
  let complete = false;
  try {
    for await (const line of openLines(tcp, 'POST', JSON.stringify(body), signal)) {
      const frame = JSON.parse(line) as Frame;
      if (frame.type === 'error') throw new ApiError(frame.status, frame.message, null, frame.param ?? null);
      complete = frame.type !== 'start' && frame.type !== 'text';
      yield frame;
    }
  } catch (error) {
    if (error instanceof ApiError || signal.aborted) throw error;
  }
  if (complete) return;
  if (!signal.aborted) onLost();
  throw unavailable();
}

/** Lines of an HTTP response from `host:port/path`; a new connection each time, so that a dead worker is noticed at once. */
export async function* openLines(
  tcp: string,
  method: string,
  body: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const outgoing = httpRequest(`http://${tcp}`, { method, agent: false, signal });
  // `once` and the response report the same errors.
  outgoing.on('error', () => {});
  try {
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    yield* readLines(response);
  } finally {
    // Returning early cancels the work, down to the engine.
    outgoing.destroy();
  }
}

interface Serving {
  readonly host: string;
  /** 0: one that the kernel chooses. */
  readonly port: number;
  readonly endpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly metrics: Metrics;
  /** False while a test makes the worker hang. */
  readonly answers: () => boolean;
  readonly work: (request: WorkRequest, signal: AbortSignal) => Frames;
  readonly events: (response: ServerResponse) => void;
}

/** Without a request for this long, a worker that is unregistered gets none any more. Upstream's SGLang workers wait 5 s. */
const routerGraceMs = 250;
const lookEveryMs = 5;

/** The worker's side: counts, cancels and answers requests. */
export async function serveRequests(serving: Serving) {
  const path = `${randomBytes(8).toString('hex')}/${serving.endpoint}`;
  const open = new Set<ServerResponse>();
  let busyAt = -Infinity;
  const { server, port } = await listen(serving.host, serving.port, (request, response) => {
    if (request.url === '/events') return serving.events(response);
    if (request.url !== `/${path}`) return sendText(response, 404, 'text/plain', '');
    open.add(response);
    busyAt = performance.now();
    response.once('close', () => {
      open.delete(response);
      busyAt = performance.now();
    });
    void answer(serving, request, response);
  });
  return {
    tcp: `${bracketed(serving.host)}:${port}/${path}`,
    events: `${bracketed(serving.host)}:${port}/events`,
    /** Resolves when the last answer is complete. A frontend may still send what it chose before it noticed. */
    drain: async (): Promise<void> => {
      while (open.size > 0 || performance.now() - busyAt < routerGraceMs) await delay(lookEveryMs);
      server.close();
      await Promise.all([...open].map((response) => once(response, 'close')));
    },
  };
}

async function answer(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { metrics, labels } = serving;
  const started = performance.now();
  const signal = clientGone(response);
  metrics.count('dynamo_component_requests_total', labels);
  metrics.move('dynamo_component_inflight_requests', labels, 1);
  try {
    const body = await readBody(request, Infinity);
    if (!serving.answers()) await once(signal, 'abort');
    for await (const frame of serving.work(JSON.parse(body) as WorkRequest, signal)) {
      const line = `${JSON.stringify(frame)}\n`;
      metrics.count('dynamo_component_response_bytes_total', labels, line.length);
      response.write(line);
    }
  } catch (error) {
    const { status, message, param } = asApiError(error);
    if (status >= 500) log('ERROR', 'sim::worker', message);
    metrics.count('dynamo_component_errors_total', labels);
    response.write(`${JSON.stringify({ type: 'error', status, message, param })}\n`);
  } finally {
    if (signal.aborted) metrics.count('dynamo_component_cancellation_total', labels);
    metrics.move('dynamo_component_inflight_requests', labels, -1);
    const seconds = (performance.now() - started) / 1000;
    metrics.observe('dynamo_component_request_duration_seconds', labels, seconds);
    response.end();
  }
}
