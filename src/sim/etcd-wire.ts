/** The JSON of etcd's v3 gateway: keys and values in base64, 64-bit numbers as text. The same in 3.4, 3.5 and 3.6. */
import type { Entries } from './discovery.ts';

interface KeyValue {
  readonly key?: string;
  readonly value?: string;
}

export interface RangeAnswer {
  readonly header?: { readonly revision?: string };
  readonly kvs?: readonly KeyValue[];
}

export interface WatchAnswer {
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

/** All keys that begin with the prefix: up to, without, the prefix whose last byte is one more. */
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

/** The entries after what a watch tells. Throws when etcd has ended the watch: then everything must be read again. */
export function applyEvents(entries: Entries, { result, error }: WatchAnswer, prefix: string): Entries {
  if (result === undefined) throw new Error(`etcd has ended the watch: ${JSON.stringify(error)}`);
  if (result.canceled === true) throw new Error(`etcd has ended the watch: ${result.cancel_reason ?? ''}`);
  const next = new Map(entries);
  for (const { type, kv } of result.events ?? []) {
    // A put has no type: the gateway leaves out what is zero.
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
