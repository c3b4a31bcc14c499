/** A lease under which a process registers: as long as it is kept alive its keys stay. */
import { messageOf } from '../base/error-code.ts';
import { EtcdRefusal, refusal, type Gateway } from './etcd-gateway.ts';
import { log } from './log.ts';
import { sleep } from './sleep.ts';

const target = 'dynamo_runtime::transports::etcd::lease';
const pauses = { first: 50, longest: 1_000 };

export interface LeaseEvents {
  /** etcd has answered; with `anew` the lease is a fresh one and holds no keys. */
  onAlive(anew: boolean): Promise<void>;
  /** The time is over without a word from etcd: others have dropped us by now. */
  onLost(): void;
}

/** Without an id etcd chooses one. Its ids need 63 bits. */
export async function grantLease(gateway: Gateway, seconds: number, id?: bigint): Promise<bigint> {
  try {
    const body = { TTL: String(seconds), ...(id === undefined ? {} : { ID: id.toString() }) };
    const answer = (await gateway.call('/v3/lease/grant', body)) as { ID: string };
    return BigInt(answer.ID);
  } catch (error) {
    // The answer to an earlier attempt was lost on its way.
    if (id !== undefined && error instanceof EtcdRefusal && error.code === refusal.alreadyThere) return id;
    throw error;
  }
}

/**
 * Renews three times in the life of a lease. A lease that is gone before its time was lost by etcd, not by us: it is
 * taken anew under the same number.
 */
export async function keepLease(
  gateway: Gateway,
  id: bigint,
  seconds: number,
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
      log('ERROR', target, 'Unable to maintain lease. Check etcd server status', { error });
      return events.onLost();
    }
    try {
      const held = await renew(gateway, id, Math.min(seconds * 333, deadline - now));
      if (!held) await grantLease(gateway, seconds, id);
      deadline = now + seconds * 1000;
      if (!held)
        log('WARN', target, 'lease was gone before its time: taken anew', { lease_id: id.toString() });
      await events.onAlive(!held);
      failures = 0;
    } catch (error) {
      if (!signal.aborted) {
        log('WARN', target, 'keep alive failed', { lease_id: id.toString(), error: messageOf(error) });
      }
      failures += 1;
    }
  }
}

/** False when etcd does not know the lease. */
async function renew(gateway: Gateway, id: bigint, limitMs: number): Promise<boolean> {
  const answer = await gateway.call('/v3/lease/keepalive', { ID: id.toString() }, limitMs);
  const { result } = answer as { result?: { TTL?: string } };
  return Number(result?.TTL ?? 0) > 0;
}
