/** What `/metrics` of a worker and of the frontend say of work: series of Dynamo 1.1.1 to 1.6.1, SGLang 0.5.10 to 0.5.16 and sim. */
import type { ProcessSpec } from '../plan/plan.ts';
import type { WorkSigns } from '../supervisor/contracts.ts';

export interface WorkPage extends Omit<WorkSigns, 'expectedMs'> {
  readonly received: number;
  /** As routing headers and the frontend write it: decimal. */
  readonly workerId?: string | undefined;
}

/**
 * Series of an engine that change with its steps. Not those that change without it: requests that arrive, requests that
 * clients left, uptime, processor time.
 */
const steps: ReadonlySet<string> = new Set([
  'sglang:num_running_reqs',
  'sglang:num_queue_reqs',
  'sglang:num_grammar_queue_reqs',
  'sglang:num_used_tokens',
  'sglang:token_usage',
  'sglang:gen_throughput',
  'sglang:cache_hit_rate',
  'sglang:kv_available_tokens',
  'sglang:kv_evictable_tokens',
  'sglang:realtime_tokens_total',
  'sglang:prompt_tokens_total',
  'sglang:generation_tokens_total',
  'sglang:num_requests_total',
  'sglang:num_retracted_reqs',
  'sglang:load_back_tokens_total',
  'sglang:evicted_tokens_total',
  'sglang:kv_transfer_latency_ms_count',
  'sglang:kv_transfer_alloc_ms_count',
  'sglang:num_prefill_bootstrap_queue_reqs',
  'sglang:num_prefill_inflight_queue_reqs',
  'sglang:num_decode_prealloc_queue_reqs',
  'sglang:num_decode_transfer_queue_reqs',
  'vllm:num_requests_running',
  'vllm:num_requests_waiting',
  'vllm:kv_cache_usage_perc',
  'vllm:prompt_tokens_total',
  'vllm:generation_tokens_total',
]);

/** Requests that wait for the worker of the other role. */
const waits: Readonly<Record<string, readonly string[]>> = {
  prefill: ['sglang:num_prefill_bootstrap_queue_reqs', 'sglang:num_prefill_inflight_queue_reqs'],
  decode: ['sglang:num_decode_prealloc_queue_reqs', 'sglang:num_decode_transfer_queue_reqs'],
};

const ofRequests = 'dynamo_component_';

export function readWork(
  text: string,
  { mode, registersAs }: Pick<ProcessSpec, 'mode' | 'registersAs'>,
): WorkPage {
  const endpoint = `dynamo_endpoint="${registersAs?.endpoint ?? 'generate'}"`;
  const queues = waits[mode ?? ''] ?? [];
  const work: string[] = [];
  let [inFlight, received, waiting, sent] = [0, 0, 0, 0];
  let workerId: string | undefined;
  for (const line of text.split('\n')) {
    const name = nameOf(line);
    if (steps.has(name)) {
      work.push(line);
      // Each rank of a tensor-parallel worker reports the whole.
      if (queues.includes(name) && !/[{,]tp_rank="[^0]/.test(line)) waiting += valueOf(line);
    } else if (name.startsWith(ofRequests) && line.includes(endpoint)) {
      const value = valueOf(line);
      if (name === `${ofRequests}inflight_requests`) inFlight += value;
      else if (name === `${ofRequests}requests_total`) {
        received += value;
        workerId ??= decimal(/[{,]worker_id="([0-9a-f]+)"/.exec(line)?.[1]);
      } else if (name === `${ofRequests}response_bytes_total`) sent += value;
    }
  }
  return {
    inFlight,
    received,
    waiting,
    workerId,
    work: `${sent}\n${work.join('\n')}`,
    hasAnswered: sent > 0,
  };
}

/** Requests that clients wait for. 1.6 deprecates the second name. */
export function frontendInFlight(text: string): number {
  const counts = new Map<string, number>();
  for (const line of text.split('\n')) {
    const name = nameOf(line);
    if (name === 'dynamo_frontend_active_requests' || name === 'dynamo_frontend_inflight_requests')
      counts.set(name, (counts.get(name) ?? 0) + valueOf(line));
  }
  return Math.max(0, ...counts.values());
}

/**
 * How long a worker may be silent by the frontend's figures: the last time to a first token, or the last pause between two,
 * of the slowest worker; and for the prompts that are computed now, in proportion to their length.
 */
export function expectedMs(text: string): number {
  const workers = new Map<string, Record<string, number>>();
  for (const line of text.split('\n')) {
    const [, figure = '', id = ''] = /^dynamo_frontend_worker_(\w+)\{[^}]*worker_id="(\d+)"/.exec(line) ?? [];
    if (figure !== '') workers.set(id, { ...workers.get(id), [figure]: valueOf(line) });
  }
  const figures = [...workers.values()];
  const times = figures.map((of) =>
    Math.max(of['last_time_to_first_token_seconds'] ?? 0, of['last_inter_token_latency_seconds'] ?? 0),
  );
  const perToken = figures.map(
    (of) =>
      (of['last_time_to_first_token_seconds'] ?? 0) /
      Math.max(1, of['last_input_sequence_tokens'] ?? Infinity),
  );
  const active = Math.max(0, ...figures.map((of) => of['active_prefill_tokens'] ?? 0));
  return Math.max(0, ...times, active * Math.max(0, ...perToken)) * 1000;
}

function nameOf(line: string): string {
  const end = line.search(/[{ ]/);
  return end < 0 ? '' : line.slice(0, end);
}

function valueOf(line: string): number {
  return Number(line.slice(line.lastIndexOf(' ') + 1)) || 0;
}

/** Workers write their id in hexadecimal digits. It exceeds 2^53. */
function decimal(hexadecimal: string | undefined): string | undefined {
  return hexadecimal === undefined ? undefined : BigInt(`0x${hexadecimal}`).toString();
}
