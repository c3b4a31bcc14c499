/** What probes see: /live, /health, /v1/models and /metrics of the frontend, and the status server of a worker. */
import type { ServerResponse } from 'node:http';
import { errorCode, messageOf } from '../base/error-code.ts';
import { parseInstance } from './discovery.ts';
import type { Shared } from './dispatch.ts';
import { listen, sendJson, sendText } from './http.ts';
import { log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Registry } from './registry.ts';

/** Answers with upstream's bodies. False if the path is not a probe. */
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
    else sendJson(response, 200, path === '/health' ? healthBody(registry) : models(registry));
  } else return false;
  return true;
}

/** Instances are copied as text: their ids do not fit into a JavaScript number. */
function healthBody(registry: Registry): string {
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

interface Status {
  readonly host: string;
  /** If undefined, there is no status server. */
  readonly port: number | undefined;
  /**
   * An encode worker always answers 503, although its endpoint is ready.
   * Source: docs/upstream/sglang-on-cpu.md#encode-worker.
   */
  readonly neverReady: boolean;
}

const target = 'dynamo_runtime::system_status_server';
const plain = 'text/plain; charset=utf-8';

/**
 * The worker's status server on DYN_SYSTEM_PORT, with upstream's bodies and codes. `endpoints`: those registered so far.
 * Returns a function that closes it. Source: docs/upstream/status-and-health.md#worker-status-port.
 */
export async function serveStatus(status: Status, metrics: Metrics, endpoints: () => readonly string[]) {
  const { host, port, neverReady } = status;
  if (port === undefined) return () => {};
  const health = (): [code: number, text: string] => {
    const ready = endpoints().length > 0 && !neverReady;
    const uptime = process.uptime();
    const body = {
      status: ready ? 'ready' : 'notready',
      uptime: { secs: Math.floor(uptime), nanos: Math.floor((uptime % 1) * 1e9) },
      endpoints: Object.fromEntries(endpoints().map((name) => [name, 'ready'])),
    };
    return [ready ? 200 : 503, JSON.stringify(body)];
  };
  try {
    const { server } = await listen(host, port, (request, response) => {
      const path = request.url?.split('?')[0];
      const [code, text] = health();
      // Upstream serves /live and /health with the same handler.
      if (path === '/health' || path === '/live') sendText(response, code, plain, text);
      else if (path === '/metrics') sendText(response, 200, 'text/plain; version=0.0.4', metrics.text());
      else sendText(response, 404, plain, 'Route not found');
    });
    log('INFO', target, `[spawn_system_status_server] system status server bound to: ${host}:${port}`);
    return () => {
      server.close();
      server.closeAllConnections();
    };
  } catch (error) {
    // Upstream continues without it: another process may then answer the probe.
    const taken = errorCode(error) === 'EADDRINUSE';
    const reason = taken ? 'Address already in use (os error 98)' : messageOf(error);
    log('ERROR', target, `Failed to bind to address ${host}:${port}: Failed to bind to address: ${reason}`);
    log('ERROR', 'dynamo_runtime::distributed', `System status server startup failed: ${reason}`);
    return () => {};
  }
}
