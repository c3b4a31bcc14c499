/**
 * The worker's status server on DYN_SYSTEM_PORT, with upstream's bodies and codes.
 * Source: docs/upstream/status-and-health.md#worker-status-port.
 */
import { errorCode, messageOf } from '../base/error-code.ts';
import { listen, sendText } from './http.ts';
import { log } from './log.ts';
import type { Metrics } from './metrics.ts';

interface Status {
  readonly host: string;
  /** Undefined: no status server. */
  readonly port: number | undefined;
  /**
   * An encode worker answers 503 for ever while its endpoint says ready.
   * Source: docs/upstream/sglang-on-cpu.md#encode-worker.
   */
  readonly neverReady: boolean;
}

const target = 'dynamo_runtime::system_status_server';
const plain = 'text/plain; charset=utf-8';

/** `endpoints`: names of those that are registered by now. Returns how to close it. */
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
      // /live is the same handler as /health.
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
    // Upstream goes on without it: a probe may then be answered by somebody else.
    const taken = errorCode(error) === 'EADDRINUSE';
    const reason = taken ? 'Address already in use (os error 98)' : messageOf(error);
    log('ERROR', target, `Failed to bind to address ${host}:${port}: Failed to bind to address: ${reason}`);
    log('ERROR', 'dynamo_runtime::distributed', `System status server startup failed: ${reason}`);
    return () => {};
  }
}
