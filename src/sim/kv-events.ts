/** KV events from worker to router, which say what blocks are cached: through NATS, or as JSON lines over HTTP. */
import type { ServerResponse } from 'node:http';
import { attempt } from './attempt.ts';
import type { Discovery } from './discovery.ts';
import type { Nats } from './nats-connection.ts';
import type { CacheChange } from './prefix-cache.ts';
import { openLines } from './request-plane.ts';
import type { Router } from './router.ts';
import { sleep } from './wait.ts';
import type { Place } from './worker-flags.ts';

/** What a worker registers: its id and where it publishes events. */
export interface Channel {
  readonly worker: string;
  /** `host:port/path`. */
  readonly ndjson?: string;
  /** A subject. */
  readonly nats?: string;
}

interface WorkerEvents {
  publish(change: CacheChange): void;
  /** Answers a subscriber over HTTP. */
  serve(response: ServerResponse): void;
  /** `address`: where `serve` is reachable. */
  channel(address: string): Channel;
  close(): void;
}

/** Through NATS if given, else over HTTP. `cached`: every block that the worker has cached now. */
export function workerEvents(
  nats: Nats | undefined,
  place: Place,
  id: bigint,
  cached: () => readonly string[],
): WorkerEvents {
  const worker = id.toString();
  const lines = lineEvents(cached);
  if (nats === undefined) return { ...lines, channel: (address) => ({ worker, ndjson: address }) };
  const subject = eventSubject(place, id);
  const { publish } = natsEvents(nats, subject, cached);
  return { ...lines, publish, channel: () => ({ worker, nats: subject }) };
}

/** Keeps the router up to date with all workers that announce a channel. */
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
      if (subject !== undefined && nats) followNats(nats, { subject, worker }, router, controller.signal);
    }
  });
}

/** `reset`: discard everything sent before. */
type Message = CacheChange | { readonly reset: true };

/** Keeps messages far below 1 MB, the default limit of NATS; a name has about 20 bytes. */
const namesPerMessage = 10_000;

/** Scoped as in upstream since 1.4, with the worker's id at the end. */
export function eventSubject([namespace, component, endpoint]: Place, id: bigint): string {
  const scope = `namespace.${namespace}.component.${component}.endpoint.${endpoint}`;
  return `${scope}.kv-events.${id.toString(16)}`.replaceAll(/[\s*>]/g, '_');
}

export function natsEvents(nats: Nats, subject: string, cached: () => readonly string[]) {
  const send = (message: Message): void => nats.publish(subject, JSON.stringify(message));
  const publish = (change: CacheChange): void => partsOf(change, namesPerMessage).forEach(send);
  const publishAll = (): void => {
    send({ reset: true });
    publish({ stored: cached(), removed: [] });
  };
  nats.subscribe(question(subject), publishAll);
  nats.onReturn(publishAll);
  return { publish };
}

/** Follows one worker until the signal aborts. A worker sends all its blocks when asked, and then every change. */
export function followNats(
  nats: Nats,
  { subject, worker }: { readonly subject: string; readonly worker: string },
  router: Router,
  signal: AbortSignal,
): void {
  const unsubscribe = nats.subscribe(subject, (text) => {
    const message = attempt(() => JSON.parse(text) as Message);
    if (message === undefined) return;
    if ('reset' in message) router.forget(worker);
    else router.learn(worker, message);
  });
  const ask = (): void => nats.publish(question(subject), '');
  const stopAsking = nats.onReturn(ask);
  signal.addEventListener('abort', () => {
    unsubscribe();
    stopAsking();
    router.forget(worker);
  });
  ask();
}

/** The same change in messages of limited size. */
export function partsOf({ stored, removed }: CacheChange, size: number): CacheChange[] {
  const slices = (names: readonly string[]): string[][] =>
    Array.from({ length: Math.ceil(names.length / size) }, (_, index) =>
      names.slice(index * size, (index + 1) * size),
    );
  return [
    ...slices(stored).map((part) => ({ stored: part, removed: [] })),
    ...slices(removed).map((part) => ({ stored: [], removed: part })),
  ];
}

/** The subject on which a worker is asked to send everything. */
function question(subject: string): string {
  return `${subject}.all`;
}

function lineEvents(cached: () => readonly string[]) {
  const listeners = new Set<ServerResponse>();
  return {
    publish: (change: CacheChange): void => {
      for (const listener of listeners) listener.write(`${JSON.stringify(change)}\n`);
    },
    /** First every cached block, then every change. */
    serve: (response: ServerResponse): void => {
      response.once('close', () => listeners.delete(response));
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write(`${JSON.stringify({ stored: cached(), removed: [] })}\n`);
      listeners.add(response);
    },
    close: (): void => {
      for (const listener of listeners) listener.destroy();
    },
  };
}

/** Follows one worker at `host:port/path` until the signal aborts. */
async function followLines(
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
      // The worker is gone or not yet up: discovery decides when to stop.
    }
    // A new connection starts with every block that the worker has.
    router.forget(worker);
    await sleep(500, signal);
  }
}
