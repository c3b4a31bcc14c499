/** The worker's side of the request plane: counts, cancels and answers requests, and knows when all are done. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { asApiError } from './api-error.ts';
import { abandoned, listen, readBody, sendText } from './http.ts';
import { log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Frames, WorkRequest } from './protocol.ts';

interface Serving {
  readonly host: string;
  readonly endpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly metrics: Metrics;
  /** False while a test wants the worker to be stuck. */
  readonly answers: () => boolean;
  readonly work: (request: WorkRequest, signal: AbortSignal) => Frames;
  readonly events: (response: ServerResponse) => void;
}

export async function serveRequests(serving: Serving) {
  const path = `${randomBytes(8).toString('hex')}/${serving.endpoint}`;
  const open = new Set<ServerResponse>();
  const { server, port } = await listen(serving.host, 0, (request, response) => {
    if (request.url === '/events') return serving.events(response);
    if (request.url !== `/${path}`) return sendText(response, 404, 'text/plain', '');
    open.add(response);
    response.once('close', () => open.delete(response));
    void answer(serving, request, response);
  });
  return {
    tcp: `${serving.host}:${port}/${path}`,
    events: `${serving.host}:${port}/events`,
    /** Takes no new requests; resolves when the last answer is complete. */
    drain: async (): Promise<void> => {
      server.close();
      await Promise.all([...open].map((response) => once(response, 'close')));
    },
  };
}

async function answer(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { metrics, labels } = serving;
  const started = performance.now();
  const signal = abandoned(response);
  metrics.count('dynamo_component_requests_total', labels);
  metrics.move('dynamo_component_inflight_requests', labels, 1);
  try {
    const body = await readBody(request, Infinity);
    if (!serving.answers()) await once(signal, 'abort');
    for await (const frame of serving.work(JSON.parse(body) as WorkRequest, signal)) {
      response.write(`${JSON.stringify(frame)}\n`);
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
