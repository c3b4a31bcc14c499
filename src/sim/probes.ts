/** /live, /health, /v1/models and /metrics of the frontend, with upstream's bodies. */
import type { ServerResponse } from 'node:http';
import type { Shared } from './exchange.ts';
import { sendJson, sendText } from './http.ts';
import { parseInstance } from './instance.ts';
import type { Registry } from './registry.ts';

/** False when the path is no probe. */
export function answerProbe(shared: Shared, draining: boolean, path: string, response: ServerResponse) {
  const { registry, metrics } = shared;
  if (path === '/metrics') {
    for (const { name, card } of registry.listed()) {
      const labels = { model: name };
      metrics.gauge('dynamo_frontend_model_kv_cache_block_size', labels, card.kv_cache_block_size);
      metrics.gauge('dynamo_frontend_model_total_kv_blocks', labels, card.total_kv_blocks);
    }
    sendText(response, 200, 'text/plain; version=0.0.4', metrics.text());
  } else if (path === '/live') {
    if (draining) sendJson(response, 503, { status: 'shutting_down', message: 'Service is shutting down' });
    else sendJson(response, 200, { status: 'live', message: 'Service is live' });
  } else if (path === '/health' || path === '/v1/models') {
    // As 1.6.1; docs/upstream/processes.md#stopping-the-frontend.
    const unready = { status: 'not_ready', stage: 'draining', message: 'Service is not ready' };
    if (draining) sendJson(response, 503, unready);
    else sendJson(response, 200, path === '/health' ? health(registry) : models(registry));
  } else return false;
  return true;
}

/** Instances are copied as text: their ids do not fit a JavaScript number. */
function health(registry: Registry): string {
  const instances = registry.instances();
  const endpoints = instances.map((text) => {
    const { namespace, component, endpoint } = parseInstance(text) ?? {};
    return `dyn://${namespace}.${component}.${endpoint}`;
  });
  const names = JSON.stringify([...new Set(endpoints)]);
  return `{"status":"healthy","endpoints":${names},"instances":[${instances.join(',')}]}`;
}

function models(registry: Registry) {
  const data = registry.listed().map(({ name, time, card }) => ({
    id: name,
    object: 'model',
    created: time,
    owned_by: 'nvidia',
    context_window: card.context_length,
  }));
  return { object: 'list', data };
}
