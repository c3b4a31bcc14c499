/** How processes find each other, and what they publish: instances and model cards under upstream's keys. */
import { randomBytes } from 'node:crypto';
import { attempt } from './attempt.ts';

export const buckets = ['instances', 'mdc', 'event_channels'] as const;
export type Bucket = (typeof buckets)[number];

/** Published texts by key, without the bucket. */
export type Entries = ReadonlyMap<string, string>;

export interface Discovery {
  /** The id of this process; in practice beyond 2^53, so never a JavaScript number. */
  readonly id: bigint;
  publish(bucket: Bucket, key: string, text: string): Promise<void>;
  /** Calls back with the present entries as soon as they are known, and after each change. */
  watch(bucket: Bucket, onChange: (entries: Entries) => void): void;
  /** False while the backend is unreachable; the last known entries may still be right. */
  reachable(): boolean;
  /** Removes what this process published and stops watching. */
  close(): Promise<void>;
}

export interface Instance {
  readonly namespace: string;
  readonly component: string;
  readonly endpoint: string;
  /** Decimal: it exceeds 2^53, so it is never a JavaScript number. */
  readonly id: string;
  /** `host:port/hex/endpoint`. */
  readonly tcp: string;
}

export const workerModes = [
  'aggregated',
  'prefill',
  'decode',
  'encode',
  'embedding',
  'image',
  'video',
  'diffusion-lm',
] as const;

export type WorkerMode = (typeof workerModes)[number];

/** What the frontend needs to know to route to a worker. */
export interface Card {
  readonly display_name: string;
  readonly source_path: string;
  readonly context_length: number;
  readonly kv_cache_block_size: number;
  readonly total_kv_blocks: number;
  readonly worker_mode: WorkerMode;
  readonly multimodal: boolean;
  readonly dedicated_encoder: boolean;
  /** `host:port` of a prefill worker's bootstrap server. */
  readonly bootstrap: string | null;
}

/** Random, and always beyond 2^53, like upstream's. */
export function newInstanceId(): bigint {
  return randomBytes(8).readBigUInt64BE() | (1n << 62n);
}

export function instanceKey(namespace: string, component: string, endpoint: string, id: bigint): string {
  return `${namespace}/${component}/${endpoint}/${id.toString(16)}`;
}

/** Not `JSON.stringify`, because the id must be a bare number. */
export function instanceJson({ namespace, component, endpoint, id, tcp }: Instance): string {
  const names = JSON.stringify({ component, endpoint, namespace }).slice(0, -1);
  return `${names},"instance_id":${id},"transport":${JSON.stringify({ tcp })},"device_type":"cpu"}`;
}

/** Undefined for anything else: other programs may write into the same folder. */
export function parseInstance(text: string): Instance | undefined {
  return attempt(() => {
    const quoted = text.replace(/("instance_id"\s*:\s*)(\d+)/, '$1"$2"');
    const { namespace, component, endpoint, ...raw } = JSON.parse(quoted) as Instance & Raw;
    const { tcp } = raw.transport;
    return typeof tcp === 'string' ? { namespace, component, endpoint, id: raw.instance_id, tcp } : undefined;
  });
}

interface Raw {
  readonly instance_id: string;
  readonly transport: { readonly tcp?: unknown };
}

/** Undefined for a card that was not written by sim. */
export function parseCard(text: string): Card | undefined {
  const card = attempt(() => JSON.parse(text) as Card | null);
  return card && workerModes.includes(card.worker_mode) ? card : undefined;
}
