/** The records of hosts in etcd: this host's is kept under a lease, so that it vanishes with the host. */
import type { Environment } from '../base/environment.ts';
import { type HostRecord, hostRecordsKey, parseHostRecord } from '../plan/host-record.ts';
import { firstAnswering } from './etcd-session.ts';

/** A host that is lost is noticed by others after this time. */
const leaseSeconds = 10;
const renewMs = 3_000;

export interface Place {
  readonly addresses: readonly string[];
  readonly namespace: string;
  /** With the credentials of etcd. */
  readonly environment: Environment;
}

/** Those of all hosts. Rejects when etcd does not answer. */
export async function readHostRecords({ addresses, namespace, environment }: Place): Promise<HostRecord[]> {
  const { session } = await firstAnswering(addresses, environment);
  const prefix = hostRecordsKey(namespace);
  const { kvs } = await session.call('kv/range', {
    key: base64(prefix),
    range_end: base64(`${prefix.slice(0, -1)}0`),
  });
  const values = Array.isArray(kvs) ? (kvs as { value?: unknown }[]) : [];
  return values.flatMap(({ value }) => parseHostRecord(fromBase64(String(value))) ?? []);
}

export interface KeptRecord {
  /** The record of this host is now this one. It is written as soon as etcd takes it. */
  write(record: HostRecord): void;
  /** Removes it, if etcd answers. Never rejects. */
  remove(): Promise<void>;
}

/** Writes the record again when etcd lost it; without etcd, tries until it is back. */
export function keepHostRecord(place: Place, first: HostRecord): KeptRecord {
  let [wanted, written] = [JSON.stringify(first), ''];
  let lease: unknown;
  let ended = false;
  let work: Promise<void> = Promise.resolve();
  const key = base64(`${hostRecordsKey(place.namespace)}${first.runId}`);

  const renew = async (): Promise<void> => {
    if (ended) return;
    const { session } = await firstAnswering(place.addresses, place.environment);
    if (lease !== undefined) {
      const { result } = await session.call('lease/keepalive', { ID: lease });
      const ttl = (result as { TTL?: unknown } | undefined)?.TTL;
      if (ttl === undefined || Number(ttl) <= 0) [lease, written] = [undefined, ''];
    }
    if (lease === undefined) ({ ID: lease } = await session.call('lease/grant', { TTL: leaseSeconds }));
    const now = wanted;
    if (now === written) return;
    await session.call('kv/put', { key, value: base64(now), lease });
    written = now;
  };
  // One after the other, so that an older record never replaces a newer one. etcd may be away for a while.
  const soon = (): void => void (work = work.then(renew).catch(() => {}));
  const timer = setInterval(soon, renewMs);
  soon();
  return {
    write: (record) => {
      wanted = JSON.stringify(record);
      soon();
    },
    remove: async () => {
      ended = true;
      clearInterval(timer);
      await work;
      if (lease === undefined) return;
      await firstAnswering(place.addresses, place.environment)
        .then(async ({ session }) => await session.call('lease/revoke', { ID: lease }))
        .catch(() => {});
    },
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}
