/**
 * NVIDIA's AIPerf as the load generator: it gets our requests word for word, and its record of each is read back. Options,
 * input and records as of 0.13.0.
 */
import type { Exchange, Measured } from './figures.ts';
import { type BenchTarget, reasonIn } from './send.ts';
import {
  type Load,
  type Place,
  plannedRequests,
  type PlannedRequest,
  promptText,
  requestCount,
  type TokenFit,
} from './workload.ts';

export interface AiperfWork {
  readonly target: BenchTarget;
  readonly load: Load;
  readonly place: Place;
  readonly fit: TokenFit;
  readonly fullLength: boolean;
  readonly requestTimeoutMs: number;
}

/** Its input: the body of each request, and when it is due in an open loop. */
export function aiperfInput({ target, load, place, fit, fullLength }: AiperfWork): string {
  const lines = [...plannedRequests(load, place)].map((request) => {
    const payload = {
      model: target.model,
      messages: [{ role: 'user', content: promptText(request, fit) }],
      max_tokens: request.osl,
      ...(fullLength ? { ignore_eos: true, min_tokens: request.osl } : {}),
      stream: true,
      stream_options: { include_usage: true },
    };
    return JSON.stringify({
      payload,
      ...(request.atMs === undefined ? {} : { timestamp: Math.round(request.atMs) }),
    });
  });
  return `${lines.join('\n')}\n`;
}

export interface AiperfFiles {
  readonly input: string;
  readonly output: string;
  /** Of any tokenizer: it insists on one, and tokens are counted by the server. */
  readonly tokenizer: string;
}

export function aiperfWords(
  { target, load, place, requestTimeoutMs }: AiperfWork,
  { input, output, tokenizer }: AiperfFiles,
): string[] {
  const point = load.points[place.point];
  const closed = point?.kind === 'concurrency';
  const requests = point === undefined ? 0 : (requestCount(load, point) ?? 0);
  const flags: readonly (readonly [string, string | number])[] = [
    ['--url', target.url],
    ['--model', target.model],
    ['--endpoint-type', 'chat'],
    ['--input-file', input],
    ['--custom-dataset-type', 'mooncake_trace'],
    ['--dataset-sampling-strategy', 'sequential'],
    ...(closed
      ? ([
          ['--concurrency', point.value],
          ['--request-count', requests],
        ] as const)
      : []),
    ['--request-timeout-seconds', requestTimeoutMs / 1000],
    ['--artifact-dir', output],
    ['--tokenizer', tokenizer],
    ['--export-level', 'records'],
    ['--ui', 'none'],
  ];
  const switches = [
    '--streaming',
    closed ? '--no-fixed-schedule' : '--fixed-schedule',
    '--use-server-token-count',
    '--no-gpu-telemetry',
    '--no-server-metrics',
  ];
  return ['profile', ...flags.flatMap(([flag, value]) => [flag, String(value)]), ...switches];
}

interface RecordLine {
  readonly metadata?: {
    readonly request_start_ns?: number;
    readonly request_end_ns?: number;
    readonly benchmark_phase?: string;
  };
  readonly metrics?: Readonly<Record<string, { readonly value?: number | readonly number[] } | undefined>>;
  readonly error?: {
    readonly message?: string;
    readonly code?: number | string | null;
    readonly type?: string | null;
  } | null;
}

/** From `profile_export.jsonl`: a line for each request. Lines that cannot be read are errors of their requests. */
export function aiperfMeasured(text: string, planned: readonly PlannedRequest[]): Measured {
  const records = text
    .split('\n')
    .flatMap((line) => (line.trim() === '' ? [] : [parsed(line)]))
    .filter(({ metadata }) => metadata?.benchmark_phase !== 'warmup');
  // In nanoseconds since 1970, which a number holds to within a microsecond.
  const begin = records.reduce(
    (earliest, { metadata }) => Math.min(earliest, metadata?.request_start_ns ?? Infinity),
    Infinity,
  );
  const gapsMs: number[] = [];
  const mean = meanLengths(planned);
  const exchanges = records.map(({ metadata, metrics = {}, error }): Exchange => {
    const sentMs = ((metadata?.request_start_ns ?? begin) - begin) / 1e6;
    const value = (name: string): number | undefined => {
      const seen = metrics[name]?.value;
      return typeof seen === 'number' ? seen : undefined;
    };
    const [firstMs, itlMs, tokens] = [
      value('time_to_first_token'),
      value('inter_token_latency'),
      value('usage_completion_tokens') ?? value('output_sequence_length'),
    ];
    if (error !== undefined && error !== null) {
      return {
        ok: false,
        sentMs,
        afterMs: ((metadata?.request_end_ns ?? begin) - begin) / 1e6 - sentMs,
        why: whyFailed(error),
      };
    }
    if (firstMs === undefined || tokens === undefined)
      return { ok: false, sentMs, afterMs: 0, why: 'no tokens in the answer' };
    const gaps = metrics['inter_chunk_latency']?.value;
    if (Array.isArray(gaps)) for (const gap of gaps as readonly number[]) gapsMs.push(gap);
    return {
      ok: true,
      sentMs,
      firstMs,
      lastMs: firstMs + (itlMs ?? 0) * (tokens - 1),
      promptTokens: value('usage_prompt_tokens') ?? 0,
      cachedTokens: value('usage_prompt_cache_read_tokens') ?? 0,
      completionTokens: tokens,
      // Its records do not say which request they are of: on average it is the same.
      asked: mean,
    };
  });
  return { exchanges, gapsMs, own: { busy: 0, lagP99Ms: 0, lateP99Ms: 0 } };
}

function whyFailed({ code, type, message }: NonNullable<RecordLine['error']>): string {
  const reason = message === undefined ? (type ?? 'an error of AIPerf') : reasonIn(message);
  return typeof code === 'number' ? `HTTP ${code}: ${reason}` : reason;
}

function parsed(line: string): RecordLine {
  try {
    return JSON.parse(line) as RecordLine;
  } catch {
    return { error: { message: 'a record of AIPerf that is not JSON' } };
  }
}

function meanLengths(planned: readonly PlannedRequest[]): { isl: number; osl: number } {
  const sum = (of: (request: PlannedRequest) => number): number =>
    planned.reduce((total, each) => total + of(each), 0);
  const count = Math.max(1, planned.length);
  return { isl: sum(({ isl }) => isl) / count, osl: sum(({ osl }) => osl) / count };
}
