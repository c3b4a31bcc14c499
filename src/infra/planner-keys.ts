/**
 * The keys in etcd through which NVIDIA's planner says how many workers it wants, and hears that it has them. It does nothing
 * until its last decision is acknowledged. Source: docs/upstream/planner.md#keys.
 */
import type { Environment } from '../base/environment.ts';
import type { Wish } from '../supervisor/planner-steps.ts';
import { type etcdSession, firstAnswering } from './etcd-session.ts';

export interface PlannerKeys {
  /** `undefined` before its first decision. */
  read(): Promise<Wish | undefined>;
  /** What it wished is there. */
  acknowledge(decision: number): Promise<void>;
  /** For a planner that starts: it reads what another one wished, and waits for it forever. */
  clear(): Promise<void>;
}

/** Each method rejects if etcd does not answer in time or denies access. `environment`: with credentials, if it needs some. */
export function plannerKeys(
  addresses: readonly string[],
  namespace: string,
  environment: Environment,
): PlannerKeys {
  const prefix = `v1/${namespace}/planner/`;
  let session: ReturnType<typeof etcdSession> | undefined;
  const call = async (method: string, body: Readonly<Record<string, unknown>>) => {
    session ??= (await firstAnswering(addresses, environment)).session;
    try {
      return await session.call(method, body);
    } catch (error) {
      // Another member may answer next time, and a login expires.
      session = undefined;
      throw error;
    }
  };
  const all = { key: base64(prefix), range_end: base64(`${prefix.slice(0, -1)}0`) };
  return {
    read: async () => wishIn(prefix, (await call('kv/range', all)).kvs),
    acknowledge: async (decision) => {
      await call('kv/put', { key: base64(`${prefix}scaled_decision_id`), value: base64(String(decision)) });
    },
    clear: async () => {
      await call('kv/deleterange', all);
    },
  };
}

/** `kvs`: of the answer to a range request. */
export function wishIn(prefix: string, kvs: unknown): Wish | undefined {
  const pairs: readonly { key?: unknown; value?: unknown; mod_revision?: unknown }[] = Array.isArray(kvs)
    ? kvs
    : [];
  const found = new Map(
    pairs.map(({ key, value, mod_revision: revision }) => [
      text(key).slice(prefix.length),
      { value: wholeNumber(text(value)), revision: wholeNumber(String(revision)) },
    ]),
  );
  const numberOf = (name: string): number | undefined => found.get(name)?.value;
  // Written last: with it, the numbers of workers are those of this decision.
  const decision = found.get('decision_id');
  if (decision?.value === undefined || decision.revision === undefined) return undefined;
  const done = numberOf('scaled_decision_id');
  return {
    decision: decision.value,
    revision: decision.revision,
    prefill: numberOf('num_prefill_workers'),
    decode: numberOf('num_decode_workers'),
    acknowledged: done !== undefined && done >= decision.value,
  };
}

function wholeNumber(words: string): number | undefined {
  return /^\d{1,15}$/.test(words) ? Number(words) : undefined;
}

function base64(words: string): string {
  return Buffer.from(words).toString('base64');
}

function text(value: unknown): string {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';
}
