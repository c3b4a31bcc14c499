/** Discovery through etcd under upstream's keys and one lease that keeps them alive; docs/upstream/discovery.md#leases. */
import { messageOf } from '../base/error-code.ts';
import type { Bucket, Discovery } from './discovery.ts';
import { etcdGateway, EtcdRefusal, type EtcdSettings, type Gateway, refusal } from './etcd-gateway.ts';
import { encode, watchPrefix } from './etcd-watch.ts';
import { log } from './log.ts';
import { connectAtStart, sleep } from './wait.ts';

const target = 'dynamo_runtime::transports::etcd';

/** Undefined if `stop` comes first. `onLost`: the lease has expired; upstream's processes then exit. */
export async function etcdDiscovery(
  settings: EtcdSettings,
  stop: AbortSignal,
  onLost: () => void,
): Promise<Discovery | undefined> {
  const gateway = etcdGateway(settings);
  const id = await connectAtStart('etcd', () => grantLease(gateway, settings.leaseSeconds), stop);
  if (id === undefined) return undefined;
  const keys = leasedKeys(gateway, id);
  const ended = new AbortController();
  const unreachable = new Set<Bucket>();
  const events = { onAlive: keys.writeAgain, onLost };
  void keepLease(gateway, { id, seconds: settings.leaseSeconds }, events, ended.signal);
  return {
    id,
    publish: (bucket, key, text) => keys.write(`v1/${bucket}/${key}`, text),
    watch: (bucket, onChange) => {
      const onReach = (reachable: boolean): void =>
        void (reachable ? unreachable.delete(bucket) : unreachable.add(bucket));
      void watchPrefix(gateway, `v1/${bucket}/`, { onEntries: onChange, onReach }, ended.signal);
    },
    reachable: () => unreachable.size === 0,
    close: async () => {
      ended.abort();
      try {
        // This deletes all keys of the lease.
        await gateway.call('/v3/lease/revoke', { ID: id.toString() });
      } catch (error) {
        log('WARN', target, 'failed to revoke lease', { error: messageOf(error) });
      }
    },
  };
}

/** The keys of one lease, and which of them etcd may lack. */
function leasedKeys(gateway: Gateway, lease: bigint) {
  const texts = new Map<string, string>();
  const missing = new Set<string>();
  const put = async (key: string): Promise<void> => {
    const value = encode(texts.get(key) ?? '');
    missing.add(key);
    await gateway.call('/v3/kv/put', { key: encode(key), value, lease: lease.toString() });
    missing.delete(key);
  };
  return {
    /** Rejects if etcd refuses. While etcd is unreachable or the lease is lost, the key waits for `writeAgain`. */
    write: async (key: string, text: string): Promise<void> => {
      texts.set(key, text);
      try {
        await put(key);
      } catch (error) {
        if (error instanceof EtcdRefusal && error.code !== refusal.notFound) throw error;
        log('WARN', target, 'key not written yet', { key, error: messageOf(error) });
      }
    },
    writeAgain: async (all: boolean): Promise<void> => {
      if (all) for (const key of texts.keys()) missing.add(key);
      for (const key of missing) await put(key);
    },
  };
}

const leaseTarget = 'dynamo_runtime::transports::etcd::lease';
const pauses = { first: 50, longest: 1_000 };

interface LeaseEvents {
  /** etcd has answered. `regranted`: the lease was granted again and has no keys. */
  onAlive(regranted: boolean): Promise<void>;
  /** The lease has expired without an answer from etcd: other processes no longer see this one. */
  onLost(): void;
}

/** Without an id, etcd chooses one. Its ids need 63 bits. */
async function grantLease(gateway: Gateway, seconds: number, id?: bigint): Promise<bigint> {
  try {
    const body = { TTL: String(seconds), ...(id === undefined ? {} : { ID: id.toString() }) };
    const answer = (await gateway.call('/v3/lease/grant', body)) as { ID: string };
    return BigInt(answer.ID);
  } catch (error) {
    // The answer to an earlier attempt was lost.
    if (id !== undefined && error instanceof EtcdRefusal && error.code === refusal.alreadyThere) return id;
    throw error;
  }
}

/**
 * Renews the lease three times in its lifetime. If etcd has lost the lease before it expired, it is granted again under
 * the same id.
 */
async function keepLease(
  gateway: Gateway,
  { id, seconds }: { readonly id: bigint; readonly seconds: number },
  events: LeaseEvents,
  signal: AbortSignal,
): Promise<void> {
  let deadline = performance.now() + seconds * 1000;
  let failures = 0;
  while (!signal.aborted) {
    const pauseMs = failures === 0 ? seconds * 333 : Math.min(pauses.first * 2 ** failures, pauses.longest);
    await sleep(Math.min(pauseMs, Math.max(0, deadline - performance.now())), signal);
    if (signal.aborted) return;
    const now = performance.now();
    if (now >= deadline) {
      const error = 'Unable to refresh lease - deadline exceeded. Check etcd server status';
      log('ERROR', leaseTarget, 'Unable to maintain lease. Check etcd server status', { error });
      return events.onLost();
    }
    try {
      const known = await renew(gateway, id, Math.min(seconds * 333, deadline - now));
      if (!known) await grantLease(gateway, seconds, id);
      deadline = now + seconds * 1000;
      if (!known)
        log('WARN', leaseTarget, 'etcd lost the lease before it expired; granted again', {
          lease_id: id.toString(),
        });
      await events.onAlive(!known);
      failures = 0;
    } catch (error) {
      if (!signal.aborted) {
        log('WARN', leaseTarget, 'keep alive failed', { lease_id: id.toString(), error: messageOf(error) });
      }
      failures += 1;
    }
  }
}

/** False if etcd does not know the lease. */
async function renew(gateway: Gateway, id: bigint, limitMs: number): Promise<boolean> {
  const answer = await gateway.call('/v3/lease/keepalive', { ID: id.toString() }, limitMs);
  const { result } = answer as { result?: { TTL?: string } };
  return Number(result?.TTL ?? 0) > 0;
}
