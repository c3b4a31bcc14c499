/** The frontend's HTTP API: routes, metrics, access log, and draining. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  ApiError,
  asApiError,
  asObject,
  errorBody,
  parseBody,
  requiredText,
  unavailable,
} from './api-body.ts';
import { chatCompletions, completions, responses } from './text-routes.ts';
import { dispatchWhole, type Exchange, type Shared } from './dispatch.ts';
import { clientGone, readBody, sendJson, sendText } from './http.ts';
import { log } from './log.ts';
import { answerProbe } from './health.ts';
import { progressOf } from './progress.ts';
import type { WholeRequest } from './request-plane.ts';
import { busyFrom, spoilAnswer, spoilRequest } from './seeded-fault.ts';
import { requireJson } from './web-guard.ts';

const never = new AbortController().signal;

type Route = readonly [label: string, answer: (exchange: Exchange) => Promise<void>];

const routes: ReadonlyMap<string, Route> = new Map([
  ['/v1/chat/completions', ['chat_completions', chatCompletions]],
  ['/v1/completions', ['completions', completions]],
  ['/v1/responses', ['responses', responses]],
  ['/v1/embeddings', ['embeddings', whole('embedding')]],
  ['/v1/images/generations', ['images', whole('image')]],
  ['/v1/videos', ['videos', whole('video')]],
]);

export interface FrontendState extends Shared {
  readonly bodyLimit: number;
  readonly draining: () => boolean;
  /** Requests in progress; a draining frontend exits when there are none left. */
  readonly open: Set<ServerResponse>;
}

export async function answer(
  state: FrontendState,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const id = randomUUID();
  const path = request.url?.split('?')[0] ?? '';
  const started = performance.now();
  const isProbe = request.method === 'GET' && answerProbe(state, state.draining(), path, response);
  response.once('close', () =>
    logResponse(request, response, { isProbe, id, latencyMs: performance.now() - started }),
  );
  if (isProbe) return;
  const { registry, router, metrics, loads, fault } = state;
  const signal = fault === 'cancelled-stream' ? never : clientGone(response);
  try {
    const route = routes.get(path);
    if (route === undefined) throw new ApiError(404, '');
    if (request.method !== 'POST') throw new ApiError(405, '');
    requireJson(request);
    if (state.draining()) throw new ApiError(503, 'Service is not ready');
    state.open.add(response);
    response.once('close', () => state.open.delete(response));
    if (fault === 'concurrency' && state.open.size >= busyFrom) throw unavailable();
    const asked = parseBody(await readBody(request, state.bodyLimit));
    const served = registry.listed().map(({ name }) => name);
    const body = spoilRequest(fault, asked, served);
    const model = requiredText(body, 'model');
    const progress = progressOf(metrics, model);
    const wishes = {
      worker: String(request.headers['x-worker-instance-id'] ?? ''),
      prefill: String(request.headers['x-prefill-instance-id'] ?? ''),
    };
    const exchange = { registry, router, metrics, loads, fault, id, body, model, response, signal };
    await counted(route, { ...exchange, startedAt: started, progress, wishes });
  } catch (error) {
    if (!signal.aborted) fail(response, asApiError(error));
  }
}

async function counted([endpoint, route]: Route, exchange: Exchange): Promise<void> {
  const { model, body, metrics, signal, progress } = exchange;
  const labels = { model, endpoint, request_type: body['stream'] === true ? 'stream' : 'unary' };
  const inFlight = (by: number): void => {
    metrics.move('dynamo_frontend_active_requests', { model }, by);
    metrics.move('dynamo_frontend_inflight_requests', { model }, by);
  };
  let outcome = { status: 'error', error_type: 'cancelled' };
  metrics.count('dynamo_frontend_requests_started_total', labels);
  inFlight(1);
  progress.enter('preprocess', '');
  try {
    await route(exchange);
    outcome = { status: 'success', error_type: '' };
  } catch (error) {
    if (!signal.aborted) outcome = { status: 'error', error_type: errorType(asApiError(error).status) };
    throw error;
  } finally {
    const seconds = (performance.now() - exchange.startedAt) / 1000;
    if (signal.aborted) {
      metrics.move('dynamo_frontend_disconnected_clients', {}, 1);
      metrics.count('dynamo_frontend_model_cancellation_total', labels);
    }
    progress.waitedFor();
    inFlight(-1);
    if (exchange.fault !== 'metrics') {
      metrics.count('dynamo_frontend_requests_total', { ...labels, ...outcome });
    }
    metrics.observe('dynamo_frontend_request_duration_seconds', { model }, seconds);
  }
}

/** Upstream's words, of 1.6.1. */
function errorType(status: number): string {
  if (status === 404) return 'not_found';
  if (status === 429 || status === 529) return 'overload';
  if (status === 503) return 'unavailable';
  return status < 500 ? 'validation' : 'internal';
}

function whole(kind: WholeRequest['kind']) {
  return async (exchange: Exchange): Promise<void> => {
    const answered = asObject(await dispatchWhole(exchange, kind)) ?? {};
    sendJson(exchange.response, 200, spoilAnswer(exchange.fault, answered));
  };
}

function fail(response: ServerResponse, error: ApiError): void {
  if (error.status === 500) log('ERROR', 'sim::frontend', error.message);
  if (response.headersSent) response.destroy();
  else if (error.message === '') sendText(response, error.status, 'text/plain', '');
  else sendJson(response, error.status, errorBody(error));
}

/** As upstream, but probes are logged at DEBUG: polling would bury everything else. */
function logResponse(
  { method = '', url = '', httpVersion }: IncomingMessage,
  { statusCode, writableFinished }: ServerResponse,
  { isProbe, id, latencyMs }: { readonly isProbe: boolean; readonly id: string; readonly latencyMs: number },
): void {
  const level = isProbe ? 'DEBUG' : statusCode === 404 || statusCode >= 500 ? 'ERROR' : 'INFO';
  log(level, 'http-request: dynamo_llm::http::service::service_v2', 'http response sent', {
    status: statusCode,
    latency_ms: Math.round(latencyMs),
    method,
    uri: url,
    version: `HTTP/${httpVersion}`,
    request_id: id,
    ...(writableFinished ? {} : { disconnected: true }),
  });
}
