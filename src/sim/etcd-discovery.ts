/** Discovery through etcd under upstream's keys, all held by one lease; docs/upstream/discovery.md#leases. */
import { messageOf } from '../base/error-code.ts';
import type { Bucket, Discovery } from './discovery.ts';
import { EtcdRefusal, etcdGateway, refusal, type Gateway } from './etcd-gateway.ts';
import { grantLease, keepLease } from './etcd-lease.ts';
import type { EtcdSettings } from './etcd-settings.ts';
import { watchPrefix } from './etcd-watch.ts';
import { encode } from './etcd-wire.ts';
import { log } from './log.ts';
import { connectAtStart } from './startup.ts';

const target = 'dynamo_runtime::transports::etcd';

/** Undefined when `stop` came before etcd. `onLost`: the lease is gone for good, upstream's processes then leave. */
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
  void keepLease(gateway, id, settings.leaseSeconds, events, ended.signal);
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
        // All keys go with it.
        await gateway.call('/v3/lease/revoke', { ID: id.toString() });
      } catch (error) {
        log('WARN', target, 'failed to revoke lease', { error: messageOf(error) });
      }
    },
  };
}

/** The keys of one lease, and which of them etcd may not have. */
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
    /** Rejects when etcd refuses; while it is away or without our lease the key waits for `writeAgain`. */
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
