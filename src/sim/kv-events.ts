/** KV events, lines of JSON from worker to router: which blocks are held; NATS can be put behind the same functions. */
import type { ServerResponse } from 'node:http';
import { attempt } from './attempt.ts';
import type { Discovery } from './discovery.ts';
import type { CacheChange } from './prefix-cache.ts';
import { openLines } from './request-client.ts';
import type { Router } from './router.ts';
import { sleep } from './sleep.ts';

/** What a worker registers: its id and where its events are. */
export interface Channel {
  readonly worker: string;
  readonly ndjson: string;
}

export function eventPublisher() {
  const listeners = new Set<ServerResponse>();
  return {
    publish: (change: CacheChange): void => {
      for (const listener of listeners) listener.write(`${JSON.stringify(change)}\n`);
    },
    /** First everything that is held, then every change. */
    subscribe: (response: ServerResponse, held: readonly string[]): void => {
      response.once('close', () => listeners.delete(response));
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write(`${JSON.stringify({ stored: held, removed: [] })}\n`);
      listeners.add(response);
    },
    close: (): void => {
      for (const listener of listeners) listener.destroy();
    },
  };
}

/** Keeps the router in step with all workers that announce a channel. */
export function followEvents(discovery: Discovery, router: Router): void {
  const followed = new Map<string, AbortController>();
  discovery.watch('event_channels', (entries) => {
    for (const [key, controller] of followed) {
      if (entries.has(key)) continue;
      controller.abort();
      followed.delete(key);
    }
    for (const [key, text] of entries) {
      const channel = attempt(() => JSON.parse(text) as Channel);
      if (channel?.ndjson === undefined || followed.has(key)) continue;
      const controller = new AbortController();
      followed.set(key, controller);
      void follow(channel, router, controller.signal);
    }
  });
}

async function follow({ worker, ndjson }: Channel, router: Router, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const line of openLines(ndjson, 'GET', '', signal)) {
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
