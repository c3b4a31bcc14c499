/** The frontend's HTTP side: which route answers, what is counted and logged, and how it behaves while draining. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError, asApiError, errorBody, unavailable } from './api-error.ts';
import { chatCompletions, completions } from './completions.ts';
import { dispatchWhole } from './dispatch.ts';
import type { Exchange, Shared } from './exchange.ts';
import { asObject, parseBody, requiredText } from './fields.ts';
import { abandoned, readBody, sendJson, sendText } from './http.ts';
import { log } from './log.ts';
import { answerProbe } from './probes.ts';
import type { WholeRequest } from './protocol.ts';
import { responses } from './responses.ts';
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
  /** Requests under way; the frontend ends when there is none. */
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
  response.once('close', () => logResponse(request, response, isProbe, id, performance.now() - started));
  if (isProbe) return;
  const { registry, router, metrics, fault } = state;
  const signal = fault === 'cancelled-stream' ? never : abandoned(response);
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
    await counted(route, { registry, router, metrics, fault, id, body, model, response, signal });
  } catch (error) {
    if (!signal.aborted) fail(response, asApiError(error));
  }
}

async function counted([endpoint, route]: Route, exchange: Exchange): Promise<void> {
  const { model, body, metrics, signal } = exchange;
  const started = performance.now();
  let status = 'error';
  metrics.move('dynamo_frontend_inflight_requests', { model }, 1);
  try {
    await route(exchange);
    status = 'success';
  } finally {
    const type = body['stream'] === true ? 'stream' : 'unary';
    const seconds = (performance.now() - started) / 1000;
    if (signal.aborted) metrics.move('dynamo_frontend_disconnected_clients', {}, 1);
    metrics.move('dynamo_frontend_inflight_requests', { model }, -1);
    if (exchange.fault !== 'metrics') {
      metrics.count('dynamo_frontend_requests_total', { model, endpoint, request_type: type, status });
    }
    metrics.observe('dynamo_frontend_request_duration_seconds', { model }, seconds);
  }
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

/** As upstream, but probes only at DEBUG: polling would bury everything else. */
function logResponse(
  { method = '', url = '', httpVersion }: IncomingMessage,
  { statusCode, writableFinished }: ServerResponse,
  isProbe: boolean,
  id: string,
  latency: number,
): void {
  const level = isProbe ? 'DEBUG' : statusCode === 404 || statusCode >= 500 ? 'ERROR' : 'INFO';
  log(level, 'http-request: dynamo_llm::http::service::service_v2', 'http response sent', {
    status: statusCode,
    latency_ms: Math.round(latency),
    method,
    uri: url,
    version: `HTTP/${httpVersion}`,
    request_id: id,
    ...(writableFinished ? {} : { disconnected: true }),
  });
}
