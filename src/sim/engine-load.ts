/**
 * The batch of a simulated engine, as SGLang reports it: requests that run, that wait for a place, and that wait for a KV
 * cache on its way from prefill to decode. Names of SGLang 0.5.16.
 */
import { deferred } from '../base/deferred.ts';
import type { Card } from './discovery.ts';
import type { Metrics } from './metrics.ts';
import type { PrefixCache } from './prefix-cache.ts';

export type EngineLoad = ReturnType<typeof engineLoad>;

type Queue = 'bootstrap' | 'send' | 'preallocation' | 'receive';

const prefillQueues = {
  bootstrap: 'sglang:num_prefill_bootstrap_queue_reqs',
  send: 'sglang:num_prefill_inflight_queue_reqs',
} as const;
const decodeQueues = {
  preallocation: 'sglang:num_decode_prealloc_queue_reqs',
  receive: 'sglang:num_decode_transfer_queue_reqs',
} as const;

interface Limits {
  /** How many requests run at once; others wait. */
  readonly most?: number | undefined;
  /** Whether the engine stands still: then its gauges do too. */
  readonly holds?: () => boolean;
}

export function engineLoad(
  card: Card,
  cache: PrefixCache,
  metrics: Metrics,
  { most = Infinity, holds = () => false }: Limits,
) {
  const labels = {
    model_name: card.display_name,
    engine_type: 'unified',
    tp_rank: '0',
    pp_rank: '0',
    dp_rank: '0',
  };
  const { worker_mode: mode, kv_cache_block_size: pageSize, total_kv_blocks: blocks } = card;
  const queues: Record<Queue, number> = { bootstrap: 0, send: 0, preallocation: 0, receive: 0 };
  const waiting: (() => void)[] = [];
  let [running, heldTokens] = [0, 0];
  const shown: Readonly<Record<string, string>> =
    mode === 'prefill' ? prefillQueues : mode === 'decode' ? decodeQueues : {};
  metrics.onRead(() => {
    if (holds()) return;
    metrics.gauge('sglang:num_running_reqs', labels, running);
    metrics.gauge('sglang:num_queue_reqs', labels, waiting.length);
    metrics.gauge('sglang:token_usage', labels, Math.min(1, (cache.size() + heldTokens / pageSize) / blocks));
    for (const [queue, name] of Object.entries(shown)) metrics.gauge(name, labels, queues[queue as Queue]);
  });
  return {
    labels,
    /** Waits for a place in the batch, or until `signal` aborts; the result gives the place back. */
    place: async (signal: AbortSignal): Promise<() => void> => {
      if (running >= most) {
        const turn = deferred<void>();
        const enter = (): void => turn.resolve();
        waiting.push(enter);
        signal.addEventListener('abort', enter, { once: true });
        await turn.promise;
        signal.removeEventListener('abort', enter);
        const left = waiting.indexOf(enter);
        // It is still waiting, so what has come is the end of the request.
        if (left >= 0) {
          waiting.splice(left, 1);
          return () => {};
        }
        // Otherwise whoever gave a place back has handed it over: `running` stays the same.
      } else running++;
      let given = false;
      return () => {
        if (given) return;
        given = true;
        const next = waiting.shift();
        if (next === undefined) running--;
        else next();
      };
    },
    /** While `what` settles, one request more waits in this queue. */
    within: async <T>(queue: Queue, what: Promise<T>): Promise<T> => {
      queues[queue]++;
      try {
        return await what;
      } finally {
        queues[queue]--;
      }
    },
    /** Tokens that are in the KV cache besides those of the prefix cache. */
    hold: (tokens: number): void => void (heldTokens += tokens),
    /** A KV cache has arrived at decode. What stands in for it is small: sizes are those of what was really sent. */
    sent: (bytes: number, ms: number): void => {
      metrics.observe('sglang:kv_transfer_latency_ms', labels, ms);
      metrics.observe('sglang:kv_transfer_total_mb', labels, bytes / 1e6);
      metrics.observe('sglang:kv_transfer_speed_gb_s', labels, bytes / 1e9 / Math.max(1e-6, ms / 1000));
    },
    failed: (name: 'transfer' | 'bootstrap'): void =>
      metrics.count(`sglang:num_${name}_failed_reqs_total`, labels),
  };
}
