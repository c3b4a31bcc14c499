/** The simulated model: prefill with a prefix cache, decode at a fixed rate, and embeddings. */
import { bad, type Body, optionalCount, optionalText, texts } from './api-body.ts';
import { type Bootstrap, type KvOffer, receiveKv } from './bootstrap.ts';
import type { Card } from './discovery.ts';
import { loadImages, type ImageInfo } from './images.ts';
import type { EngineLoad } from './engine-load.ts';
import type { Standstill } from './faults.ts';
import { log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { blockHashes, digest, type PrefixCache } from './prefix-cache.ts';
import type { Frames, TextRequest } from './request-plane.ts';
import { answer, tokenize } from './text.ts';
import { randomFrom } from '../base/random.ts';
import { sleep } from './wait.ts';

export interface TextEngine {
  readonly card: Card;
  readonly tokensPerSecond: number;
  readonly cache: PrefixCache;
  readonly bootstrap: Bootstrap | undefined;
  readonly metrics: Metrics;
  readonly load: EngineLoad;
  /** What every answer begins with, in place of the usual words. */
  readonly opening: string | undefined;
  readonly still: Standstill;
}

/** How much faster prefill is than decode. */
const prefillSpeedup = 100;
/** Length of an answer if the client sets no limit: it then ends by itself. */
const naturalLength = 64;

export async function* generate(engine: TextEngine, request: TextRequest, signal: AbortSignal): Frames {
  const tokens = tokenize(request.prompt);
  const { rendezvous } = request;
  const fetches = engine.card.worker_mode === 'decode' && rendezvous !== null;
  const { load } = engine;
  const kv = await (fetches
    ? load.within('receive', receiveKv(rendezvous, signal))
    : prefill(engine, request, tokens, signal));
  if (signal.aborted) return;
  if (kv === undefined && fetches) load.failed('transfer');
  if (kv?.digest !== digest(tokens)) {
    // As upstream, the failure shows only as null content with HTTP 200; docs/upstream/sglang-on-cpu.md#transfer.
    log('ERROR', 'sim::decode', 'KV transfer from prefill failed', { room: rendezvous?.room ?? '' });
    yield { type: 'start', promptTokens: tokens.length, cachedTokens: 0 };
    yield { type: 'end', finishReason: 'stop', completionTokens: 0 };
    return;
  }
  yield { type: 'start', promptTokens: tokens.length, cachedTokens: kv.cachedTokens };
  if (engine.bootstrap === undefined || rendezvous === null) {
    yield* decode(engine, request, { promptTokens: tokens.length, imageInfo: kv.imageInfo }, signal);
  } else {
    const taken = await load.within('send', engine.bootstrap.offer(rendezvous.room, kv));
    if (taken === undefined) load.failed('bootstrap');
    else load.sent(taken.bytes, taken.ms);
    yield { type: 'end', finishReason: 'stop', completionTokens: 0 };
  }
}

async function prefill(
  engine: TextEngine,
  request: TextRequest,
  tokens: readonly number[],
  signal: AbortSignal,
): Promise<KvOffer> {
  const { card, cache, metrics, load } = engine;
  const { labels } = load;
  metrics.count('sglang:num_requests_total', labels);
  metrics.count('sglang:prompt_tokens_total', labels, tokens.length);
  const imageInfo = request.imageInfo ?? (await loadImages(request.images, signal));
  const pageSize = card.kv_cache_block_size;
  const blocks = blockHashes(tokens, pageSize);
  // As in SGLang, the last token is always computed, even if its whole block is cached.
  const reusable = blocks.slice(0, Math.floor((tokens.length - 1) / pageSize));
  const cachedTokens = cache.matched(reusable) * pageSize;
  const leave = await load.place(signal);
  await sleep(((tokens.length - cachedTokens) * 1000) / (engine.tokensPerSecond * prefillSpeedup), signal);
  await engine.still.over(signal);
  leave();
  if (!signal.aborted) cache.insert(blocks);
  metrics.count('sglang:cached_tokens_total', { ...labels, cache_source: 'device' }, cachedTokens);
  metrics.gauge('sglang:cache_hit_rate', labels, cachedTokens / Math.max(1, tokens.length));
  return { digest: digest(tokens), cachedTokens, imageInfo };
}

async function* decode(
  { card, tokensPerSecond, load, metrics, opening, still }: TextEngine,
  request: TextRequest,
  { promptTokens, imageInfo }: { readonly promptTokens: number; readonly imageInfo: readonly ImageInfo[] },
  signal: AbortSignal,
): Frames {
  const limit = Math.min(request.maxTokens ?? naturalLength, card.context_length - promptTokens);
  const { tokens, stopped } = answer(
    request.prompt,
    opening ?? introduction(card, imageInfo),
    limit,
    request.stop,
  );
  const leave = await load.place(signal);
  const started = performance.now();
  // The prompt is in the prefix cache of the worker that computed it.
  let held = card.worker_mode === 'decode' ? promptTokens : 0;
  load.hold(held);
  try {
    for (const [index, text] of tokens.entries()) {
      await sleep(started + ((index + 1) * 1000) / tokensPerSecond - performance.now(), signal);
      // When decoding is late, `sleep` does not pause: other requests must get their turn.
      if (index % 32 === 0) await new Promise(setImmediate);
      if (still.holds()) await still.over(signal);
      if (signal.aborted) return;
      load.hold(1);
      held++;
      metrics.count('sglang:generation_tokens_total', load.labels);
      yield { type: 'text', text };
    }
  } finally {
    load.hold(-held);
    leave();
  }
  const finishReason = stopped || (request.maxTokens === null && limit === naturalLength) ? 'stop' : 'length';
  yield { type: 'end', finishReason, completionTokens: tokens.length + Number(stopped) };
}

function introduction(card: Card, imageInfo: readonly ImageInfo[]): string {
  const images = imageInfo.map(({ type, width, height }) => `${type} ${width}x${height}`).join(', ');
  const sight = images === '' ? '' : ` It was given ${images}.`;
  return `This is a simulated answer from dynamo's embedded engine (model ${card.display_name}, ${card.worker_mode} worker).${sight}`;
}

/** The answer of /v1/embeddings: a bag of words as unit vectors, closer to each other the more tokens two texts share. */
export function embeddings(body: Body): Body {
  const inputs = texts(body, 'input');
  if (inputs.length === 0) bad('input', 'input must be text or a list of texts');
  const dimensions = optionalCount(body, 'dimensions', 4096) ?? 128;
  const base64 = optionalText(body, 'encoding_format') === 'base64';
  const data = inputs.map((input, index) => {
    const vector = embed(input, dimensions);
    const embedding = base64 ? Buffer.from(vector.buffer).toString('base64') : [...vector];
    return { object: 'embedding', index, embedding };
  });
  const tokens = inputs.reduce((sum, input) => sum + tokenize(input).length, 0);
  return {
    object: 'list',
    data,
    model: body['model'],
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

function embed(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const token of new Set(tokenize(text))) {
    const random = randomFrom(token);
    for (let i = 0; i < dimensions; i++) vector[i] = (vector[i] ?? 0) + random() * 2 - 1;
  }
  // An empty text has no direction: a fixed one keeps the vector finite and its length one.
  const norm = Math.hypot(...vector);
  if (norm === 0) vector[0] = 1;
  return vector.map((x) => x / (norm || 1));
}
