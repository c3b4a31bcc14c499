/**
 * Upstream's series by our own names, as tables: what changed its name from version to version has several.
 * Source: docs/upstream/metrics-and-logs.md.
 */
import type { Labels } from './prometheus.ts';

/** Totals since the start of a process. */
export type Total =
  | 'requests'
  | 'outputTokens'
  | 'cancelled'
  | 'rejected'
  | 'migrated'
  | 'failedTransfers'
  /** Of prompts, as the engine counts them, and those of them that it did not compute again. */
  | 'promptTokens'
  | 'cachedPromptTokens';

/** Values of this moment. */
export type Level =
  /** Received and not answered completely. */
  | 'inFlight'
  /** At the frontend: without a first token. At a worker: not in a batch yet. */
  | 'queued'
  /** In a batch of the engine. */
  | 'running'
  /** Of the KV cache, from 0 to 1; of the fullest rank. */
  | 'kvUsage'
  /** From 0 to 1, as the engine last computed it. */
  | 'engineHitRate'
  /** Requests of a disaggregated worker, by what they wait for. */
  | 'bootstrapQueue'
  | 'sendQueue'
  | 'preallocationQueue'
  | 'receiveQueue'
  | 'routerQueue'
  | 'uptimeSeconds';

export type Spread =
  | 'ttftSeconds'
  | 'itlSeconds'
  | 'requestSeconds'
  | 'inputTokens'
  | 'outputTokensEach'
  | 'cachedTokens'
  | 'routerHitRate'
  | 'routingMs'
  | 'transferMs'
  | 'transferGBps'
  | 'transferMB';

/**
 * `ranks`: each rank of a tensor-parallel worker reports the whole, so the largest of each data-parallel rank counts, and those
 * are added.
 */
export type Combined = 'sum' | 'max' | 'ranks';

export interface Source {
  /** The first that the page has counts; or with `all`, all of them together. */
  readonly names: readonly string[];
  readonly labels?: Labels;
  readonly all?: true;
  readonly by?: Combined;
}

export interface Table {
  readonly totals: Readonly<Partial<Record<Total, Source>>>;
  readonly levels: Readonly<Partial<Record<Level, Source>>>;
  readonly spreads: Readonly<Partial<Record<Spread, Source>>>;
}

export const frontend = 'dynamo_frontend_';

/** 1.1.1 to 1.6.1. `requests_total` counts answers, also those that the client left. */
export const ofFrontend: Table = {
  totals: {
    requests: { names: [`${frontend}requests_total`] },
    outputTokens: { names: [`${frontend}output_tokens_total`] },
    cancelled: { names: [`${frontend}model_cancellation_total`] },
    rejected: { names: [`${frontend}model_rejection_total`] },
    migrated: { names: [`${frontend}model_migration_total`] },
  },
  levels: {
    // 1.6 deprecates the second.
    inFlight: { names: [`${frontend}active_requests`, `${frontend}inflight_requests`] },
    // Since 1.4 `stage_requests` counts all that wait for their first token; 1.1 has the second only.
    queued: { names: [`${frontend}stage_requests`, `${frontend}queued_requests`] },
    routerQueue: { names: [`${frontend}router_queue_pending_requests`] },
    uptimeSeconds: { names: ['dynamo_component_uptime_seconds'], by: 'max' },
  },
  spreads: {
    ttftSeconds: { names: [`${frontend}time_to_first_token_seconds`] },
    itlSeconds: { names: [`${frontend}inter_token_latency_seconds`] },
    requestSeconds: { names: [`${frontend}request_duration_seconds`] },
    inputTokens: { names: [`${frontend}input_sequence_tokens`] },
    outputTokensEach: { names: [`${frontend}output_sequence_tokens`] },
    cachedTokens: { names: [`${frontend}cached_tokens`] },
    routerHitRate: { names: ['dynamo_component_router_kv_hit_rate'] },
    routingMs: { names: ['dynamo_router_overhead_total_ms'] },
  },
};

/** Workers have other endpoints, which are not requests of users. */
const generate = { dynamo_endpoint: 'generate' };

/** 1.1.1 to 1.6.1, with SGLang 0.5.16 and with what the mocker of 1.6.1 prints. */
export const ofWorker: Table = {
  totals: {
    requests: { names: ['dynamo_component_requests_total'], labels: generate },
    cancelled: { names: ['dynamo_component_cancellation_total'], labels: generate },
    promptTokens: { names: ['sglang:prompt_tokens_total'], by: 'ranks' },
    cachedPromptTokens: { names: ['sglang:cached_tokens_total'] },
    failedTransfers: {
      names: ['sglang:num_transfer_failed_reqs_total', 'sglang:num_bootstrap_failed_reqs_total'],
      all: true,
      by: 'ranks',
    },
  },
  levels: {
    inFlight: { names: ['dynamo_component_inflight_requests'], labels: generate },
    running: { names: ['sglang:num_running_reqs', 'vllm:num_requests_running'], by: 'ranks' },
    queued: { names: ['sglang:num_queue_reqs', 'vllm:num_requests_waiting'], by: 'ranks' },
    kvUsage: {
      names: ['sglang:token_usage', 'vllm:kv_cache_usage_perc', 'dynamo_component_gpu_cache_usage_percent'],
      by: 'max',
    },
    engineHitRate: { names: ['sglang:cache_hit_rate', 'dynamo_component_kv_cache_hit_rate'], by: 'max' },
    bootstrapQueue: { names: ['sglang:num_prefill_bootstrap_queue_reqs'], by: 'ranks' },
    sendQueue: { names: ['sglang:num_prefill_inflight_queue_reqs'], by: 'ranks' },
    preallocationQueue: { names: ['sglang:num_decode_prealloc_queue_reqs'], by: 'ranks' },
    receiveQueue: { names: ['sglang:num_decode_transfer_queue_reqs'], by: 'ranks' },
    uptimeSeconds: { names: ['dynamo_component_uptime_seconds'], by: 'max' },
  },
  spreads: {
    requestSeconds: { names: ['dynamo_component_request_duration_seconds'], labels: generate },
    transferMs: { names: ['sglang:kv_transfer_latency_ms'] },
    transferGBps: { names: ['sglang:kv_transfer_speed_gb_s'] },
    transferMB: { names: ['sglang:kv_transfer_total_mb'] },
  },
};
