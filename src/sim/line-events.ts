/** KV events without NATS: lines of JSON over HTTP, from the worker to whoever listens. */
import type { ServerResponse } from 'node:http';
import type { CacheChange } from './prefix-cache.ts';
import { openLines } from './request-client.ts';
import type { Router } from './router.ts';
import { sleep } from './sleep.ts';

export function lineEvents(held: () => readonly string[]) {
  const listeners = new Set<ServerResponse>();
  return {
    publish: (change: CacheChange): void => {
      for (const listener of listeners) listener.write(`${JSON.stringify(change)}\n`);
    },
    /** First everything that is held, then every change. */
    serve: (response: ServerResponse): void => {
      response.once('close', () => listeners.delete(response));
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write(`${JSON.stringify({ stored: held(), removed: [] })}\n`);
      listeners.add(response);
    },
    close: (): void => {
      for (const listener of listeners) listener.destroy();
    },
  };
}

/** `address`: `host:port/path`. Ends with the signal. */
export async function followLines(
  address: string,
  worker: string,
  router: Router,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const line of openLines(address, 'GET', '', signal)) {
        router.learn(worker, JSON.parse(line) as CacheChange);
      }
    } catch {
      // The worker is gone or not up yet: discovery says when to give up.
    }
    // A new connection begins with all that the worker holds.
    router.forget(worker);
    await sleep(500, signal);
  }
}
