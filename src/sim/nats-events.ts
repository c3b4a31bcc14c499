/** KV events through NATS: each worker tells its changes on a subject of its own, and everything when it is asked to. */
import { attempt } from './attempt.ts';
import type { Nats } from './nats-connection.ts';
import type { CacheChange } from './prefix-cache.ts';
import type { Router } from './router.ts';
import type { Place } from './worker-flags.ts';

/** `reset`: all that was told before is void. */
type Message = CacheChange | { readonly reset: true };

/** Keeps a message far below 1 MB, the most that NATS takes by default; a name has about 20 bytes. */
const namesPerMessage = 10_000;

/** Scoped as upstream's since 1.4, with the worker's number at the end. */
export function eventSubject([namespace, component, endpoint]: Place, id: bigint): string {
  const scope = `namespace.${namespace}.component.${component}.endpoint.${endpoint}`;
  return `${scope}.kv-events.${id.toString(16)}`.replaceAll(/[\s*>]/g, '_');
}

export function natsEvents(nats: Nats, subject: string, held: () => readonly string[]) {
  const tell = (message: Message): void => nats.publish(subject, JSON.stringify(message));
  const publish = (change: CacheChange): void => partsOf(change, namesPerMessage).forEach(tell);
  const publishAll = (): void => {
    tell({ reset: true });
    publish({ stored: held(), removed: [] });
  };
  nats.subscribe(question(subject), publishAll);
  nats.onReturn(publishAll);
  return { publish };
}

/** Ends with the signal. */
export function followNats(
  nats: Nats,
  subject: string,
  worker: string,
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

/** Where a worker is asked to tell everything. */
function question(subject: string): string {
  return `${subject}.all`;
}
