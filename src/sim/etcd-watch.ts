/** Follows all keys under a prefix through etcd's v3 JSON gateway: base64 keys and values, 64-bit numbers as text. */
import { messageOf } from '../base/error-code.ts';
import type { Entries } from './discovery.ts';
import type { Gateway } from './etcd-gateway.ts';
import { log } from './log.ts';
import { sleep } from './wait.ts';

const target = 'dynamo_runtime::transports::etcd';
const pauses = { first: 50, longest: 1_000 };

interface WatchEvents {
  onEntries(entries: Entries): void;
  /** The last known entries stay while etcd is unreachable. */
  onReach(reachable: boolean): void;
}

/** Reads everything again after every interruption: etcd may have lost its data or compacted its history. */
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
  const watchRequest = { create_request: { ...rangeOf(prefix), start_revision: next } };
  for await (const answer of gateway.stream('/v3/watch', watchRequest, signal)) {
    entries = applyEvents(entries, answer as WatchAnswer, prefix);
    events.onEntries(entries);
  }
  throw new Error(`Watch stream unexpectedly closed for prefix '${prefix}'`);
}

interface KeyValue {
  readonly key?: string;
  readonly value?: string;
}

interface RangeAnswer {
  readonly header?: { readonly revision?: string };
  readonly kvs?: readonly KeyValue[];
}

interface WatchAnswer {
  readonly result?: {
    readonly canceled?: boolean;
    readonly cancel_reason?: string;
    readonly events?: readonly { readonly type?: string; readonly kv?: KeyValue }[];
  };
  readonly error?: unknown;
}

export function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** All keys that begin with the prefix; `range_end` is exclusive. */
export function rangeOf(prefix: string): { readonly key: string; readonly range_end: string } {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end.writeUInt8(end.readUInt8(last) + 1, last);
  return { key: encode(prefix), range_end: end.toString('base64') };
}

/** Keys without the prefix. */
export function entriesOf({ kvs = [] }: RangeAnswer, prefix: string): Entries {
  return new Map(kvs.map(({ key, value }) => [keyOf(key, prefix), decode(value)]));
}

/** The entries after the events of a watch. Throws if etcd has cancelled the watch: then everything must be read again. */
export function applyEvents(entries: Entries, { result, error }: WatchAnswer, prefix: string): Entries {
  if (result === undefined) throw new Error(`etcd cancelled the watch: ${JSON.stringify(error)}`);
  if (result.canceled === true) throw new Error(`etcd cancelled the watch: ${result.cancel_reason ?? ''}`);
  const next = new Map(entries);
  for (const { type, kv } of result.events ?? []) {
    // A put has no type: the gateway omits zero values.
    if (type === 'DELETE') next.delete(keyOf(kv?.key, prefix));
    else next.set(keyOf(kv?.key, prefix), decode(kv?.value));
  }
  return next;
}

function keyOf(key: string | undefined, prefix: string): string {
  return decode(key).slice(prefix.length);
}

function decode(base64 = ''): string {
  return Buffer.from(base64, 'base64').toString();
}
