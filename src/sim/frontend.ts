/** `sim frontend`: discovers workers, serves the OpenAI API and drains as `python -m dynamo.frontend` does. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { errorCode } from '../base/error-code.ts';
import { readEnvironment } from './environment.ts';
import { amount, oneOf, onOff, readFlags, text, whole } from './flags.ts';
import { answer, type FrontendState } from './frontend-server.ts';
import { listen } from './http.ts';
import { followEvents } from './kv-events.ts';
import { exitWith, log } from './log.ts';
import { metrics } from './metrics.ts';
import { faultFlags, injectFaults } from './faults.ts';
import { openPlanes } from './open-planes.ts';
import { workerLoads } from './progress.ts';
import { registry } from './registry.ts';
import { router, routerModes } from './router.ts';
import { seededFaults } from './seeded-fault.ts';
import { sleep } from './wait.ts';

const table = {
  ...faultFlags,
  'http-host': text,
  'http-port': whole(0, 65_535),
  'router-mode': oneOf(routerModes),
  'router-kv-events': onOff,
  'no-router-kv-events': onOff,
  namespace: text,
  fault: oneOf(seededFaults),
  'teardown-time': amount,
};

const target = 'dynamo_llm::http::service::service_v2';
/**
 * How long upstream answers 503 while it drains, before it closes the port.
 * Source: docs/upstream/processes.md#stopping-the-frontend.
 */
const refusalMs = 5_000;

export async function frontend(argv: readonly string[], stopping: AbortController): Promise<void> {
  const stop = stopping.signal;
  const flags = readFlags('frontend', argv, table);
  const environment = readEnvironment();
  await injectFaults(flags, stop);
  await sleep((flags['startup-time'] ?? 0) * 1000, stop);

  const planes = await openPlanes(environment, stopping);
  if (planes === undefined) return;
  const { discovery, nats } = planes;
  const measures = metrics();
  measures.gauge('dynamo_frontend_disconnected_clients', {}, 0);
  const { fault } = flags;
  const mode = flags['router-mode'] ?? 'round-robin';
  const events = mode === 'kv' && environment.events !== 'none' && flags['no-router-kv-events'] !== true;
  const routing = router(mode, measures, fault);
  if (events) followEvents(discovery, nats, routing);
  const open = new Set<ServerResponse>();
  const known = registry(discovery, flags.namespace ?? environment.namespace);
  const server = await serve(flags['http-host'] ?? '127.0.0.1', flags['http-port'] ?? 8000, {
    registry: known,
    router: routing,
    metrics: measures,
    loads: workerLoads(measures, known.knows),
    fault,
    bodyLimit: environment.bodyLimit,
    draining: () => stop.aborted,
    open,
  });

  if (!stop.aborted) await once(stop, 'abort');
  log('INFO', target, 'HTTP server shutdown requested');
  setTimeout(() => server.close(), refusalMs);
  for (const response of open) await once(response, 'close');
  server.close();
  await discovery.close();
  await nats?.close();
  // Dynamo 1.6.1 takes 300 ms from closing the port to exiting.
  await delay((flags['teardown-time'] ?? 0) * 1000);
}

async function serve(host: string, port: number, state: FrontendState) {
  const listening = listen(host, port, (request, response) => void answer(state, request, response));
  const { server, port: bound } = await listening.catch((error: unknown) => {
    const taken = `port ${port} already in use. Use --http-port to specify a different port.`;
    const reason = errorCode(error) === 'EADDRINUSE' ? taken : String(error);
    return exitWith(1, `Exception: Failed to start HTTP server: ${reason}`);
  });
  log('INFO', target, 'Starting HTTP(S) service', { protocol: 'HTTP', address: `${host}:${bound}` });
  return server;
}
