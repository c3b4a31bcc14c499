/** What a worker writes into discovery about itself: the instance and the model card, under upstream's keys. */
import { randomBytes } from 'node:crypto';
import { attempt } from './attempt.ts';

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

/** What the frontend must know to route to a worker. */
export interface Card {
  readonly display_name: string;
  readonly source_path: string;
  readonly context_length: number;
  readonly kv_cache_block_size: number;
  readonly total_kv_blocks: number;
  readonly worker_mode: WorkerMode;
  readonly multimodal: boolean;
  readonly dedicated_encoder: boolean;
  /** `host:port` where decode meets a prefill worker. */
  readonly bootstrap: string | null;
}

/** Random, and always beyond 2^53, as upstream's are. */
export function newInstanceId(): bigint {
  return randomBytes(8).readBigUInt64BE() | (1n << 62n);
}

export function instanceKey(namespace: string, component: string, endpoint: string, id: bigint): string {
  return `${namespace}/${component}/${endpoint}/${id.toString(16)}`;
}

/** Written by hand because the id must be a bare number. */
export function instanceJson({ namespace, component, endpoint, id, tcp }: Instance): string {
  const names = JSON.stringify({ component, endpoint, namespace }).slice(0, -1);
  return `${names},"instance_id":${id},"transport":${JSON.stringify({ tcp })},"device_type":"cpu"}`;
}

/** Undefined for anything that is not an instance: others may write into the same folder. */
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

/** Undefined for a card that sim did not write. */
export function parseCard(text: string): Card | undefined {
  const card = attempt(() => JSON.parse(text) as Card | null);
  return card && workerModes.includes(card.worker_mode) ? card : undefined;
}
