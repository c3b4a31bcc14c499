/** Follows all keys under a prefix, for as long as it takes. */
import { messageOf } from '../base/error-code.ts';
import type { Entries } from './discovery.ts';
import type { Gateway } from './etcd-gateway.ts';
import { applyEvents, entriesOf, rangeOf, type RangeAnswer, type WatchAnswer } from './etcd-wire.ts';
import { log } from './log.ts';
import { sleep } from './sleep.ts';

const target = 'dynamo_runtime::transports::etcd';
const pauses = { first: 50, longest: 1_000 };

export interface WatchEvents {
  onEntries(entries: Entries): void;
  /** What was told last is kept while etcd is not there. */
  onReach(reachable: boolean): void;
}

/** After every break everything is read again: etcd may have lost its data or thrown its history away. */
export async function watchPrefix(
  gateway: Gateway,
  prefix: string,
  events: WatchEvents,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      await listAndFollow(gateway, prefix, signal, {
        onEntries: events.onEntries,
        onReach: () => {
          if (failures > 0) log('INFO', target, `Watching prefix '${prefix}' again`);
          failures = 0;
          events.onReach(true);
        },
      });
    } catch (error) {
      if (signal.aborted) return;
      events.onReach(false);
      if (failures === 0) {
        log('WARN', target, `Error watching stream for prefix '${prefix}'`, { error: messageOf(error) });
      }
      failures += 1;
      await sleep(Math.min(pauses.first * 2 ** failures, pauses.longest), signal);
    }
  }
}

async function listAndFollow(
  gateway: Gateway,
  prefix: string,
  signal: AbortSignal,
  events: WatchEvents,
): Promise<never> {
  const list = (await gateway.call('/v3/kv/range', rangeOf(prefix))) as RangeAnswer;
  let entries = entriesOf(list, prefix);
  events.onReach(true);
  events.onEntries(entries);
  const next = (BigInt(list.header?.revision ?? 0) + 1n).toString();
  const wish = { create_request: { ...rangeOf(prefix), start_revision: next } };
  for await (const answer of gateway.stream('/v3/watch', wish, signal)) {
    entries = applyEvents(entries, answer as WatchAnswer, prefix);
    events.onEntries(entries);
  }
  throw new Error(`Watch stream unexpectedly closed for prefix '${prefix}'`);
}
