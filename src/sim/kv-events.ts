/** KV events from worker to router, which blocks are held: through NATS, or as lines over HTTP. */
import type { ServerResponse } from 'node:http';
import { attempt } from './attempt.ts';
import type { Discovery } from './discovery.ts';
import { followLines, lineEvents } from './line-events.ts';
import type { Nats } from './nats-connection.ts';
import { eventSubject, followNats, natsEvents } from './nats-events.ts';
import type { CacheChange } from './prefix-cache.ts';
import type { Router } from './router.ts';
import type { Place } from './worker-flags.ts';

/** What a worker registers: its id and where its events are. */
export interface Channel {
  readonly worker: string;
  /** `host:port/path`. */
  readonly ndjson?: string;
  /** A subject. */
  readonly nats?: string;
}

export interface WorkerEvents {
  publish(change: CacheChange): void;
  /** Answers who asks over HTTP. */
  serve(response: ServerResponse): void;
  /** `address`: where `serve` is reached. */
  channel(address: string): Channel;
  close(): void;
}

/** Without NATS over HTTP. `held`: everything that the worker has cached now. */
export function workerEvents(
  nats: Nats | undefined,
  place: Place,
  id: bigint,
  held: () => readonly string[],
): WorkerEvents {
  const worker = id.toString();
  const lines = lineEvents(held);
  if (nats === undefined) return { ...lines, channel: (address) => ({ worker, ndjson: address }) };
  const subject = eventSubject(place, id);
  const { publish } = natsEvents(nats, subject, held);
  return { ...lines, publish, channel: () => ({ worker, nats: subject }) };
}

/** Keeps the router in step with all workers that announce a channel. */
export function followEvents(discovery: Discovery, nats: Nats | undefined, router: Router): void {
  const followed = new Map<string, AbortController>();
  discovery.watch('event_channels', (entries) => {
    for (const [key, controller] of followed) {
      if (entries.has(key)) continue;
      controller.abort();
      followed.delete(key);
    }
    for (const [key, text] of entries) {
      const channel = attempt(() => JSON.parse(text) as Channel | null);
      if (!channel || followed.has(key)) continue;
      const controller = new AbortController();
      followed.set(key, controller);
      const { worker, ndjson, nats: subject } = channel;
      if (ndjson !== undefined) void followLines(ndjson, worker, router, controller.signal);
      if (subject !== undefined && nats) followNats(nats, subject, worker, router, controller.signal);
    }
  });
}
