/** The model of a text engine: prefill with a prefix cache, decode at a fixed rate, each role in its own part. */
import { answer } from './answer.ts';
import { blockHashes, digest } from './block-hash.ts';
import { receiveKv, type Bootstrap, type KvOffer } from './bootstrap.ts';
import type { Card } from './instance.ts';
import { loadImages, type SeenImage } from './load-image.ts';
import { log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { PrefixCache } from './prefix-cache.ts';
import type { Frames, TextRequest } from './protocol.ts';
import { sleep } from './sleep.ts';
import { tokenize } from './tokenizer.ts';

export interface TextEngine {
  readonly card: Card;
  readonly tokensPerSecond: number;
  readonly cache: PrefixCache;
  readonly bootstrap: Bootstrap | undefined;
  readonly metrics: Metrics;
}

/** Reading a prompt is that much faster than writing an answer. */
const prefillSpeedup = 100;
/** Length of an answer when the client sets none: it then ends by itself. */
const naturalLength = 64;

export async function* generate(engine: TextEngine, request: TextRequest, signal: AbortSignal): Frames {
  const tokens = tokenize(request.prompt);
  const { rendezvous } = request;
  const fetches = engine.card.worker_mode === 'decode' && rendezvous !== null;
  const kv = await (fetches ? receiveKv(rendezvous, signal) : prefill(engine, request, tokens, signal));
  if (kv?.digest !== digest(tokens)) {
    // The real failure is as quiet: HTTP 200 with null content; docs/upstream/sglang-on-cpu.md#transfer.
    log('ERROR', 'sim::decode', 'KV transfer from prefill failed', { room: rendezvous?.room ?? '' });
    yield { type: 'start', promptTokens: tokens.length, cachedTokens: 0 };
    yield { type: 'end', finishReason: 'stop', completionTokens: 0 };
    return;
  }
  yield { type: 'start', promptTokens: tokens.length, cachedTokens: kv.cachedTokens };
  if (engine.bootstrap === undefined || rendezvous === null) {
    yield* decode(engine, request, tokens.length, kv.seen, signal);
  } else {
    await engine.bootstrap.offer(rendezvous.room, kv);
    yield { type: 'end', finishReason: 'stop', completionTokens: 0 };
  }
}

async function prefill(
  engine: TextEngine,
  request: TextRequest,
  tokens: readonly number[],
  signal: AbortSignal,
): Promise<KvOffer> {
  const { card, cache, metrics } = engine;
  const labels = { model_name: card.display_name };
  metrics.count('sglang:num_requests_total', labels);
  const seen = request.seen ?? (await loadImages(request.images, signal));
  const pageSize = card.kv_cache_block_size;
  const blocks = blockHashes(tokens, pageSize);
  // As in SGLang the last token is always computed anew, even when all of its block is cached.
  const reusable = blocks.slice(0, Math.floor((tokens.length - 1) / pageSize));
  const cachedTokens = cache.matched(reusable) * pageSize;
  await sleep(((tokens.length - cachedTokens) * 1000) / (engine.tokensPerSecond * prefillSpeedup), signal);
  if (!signal.aborted) cache.insert(blocks);
  metrics.gauge('sglang:cache_hit_rate', labels, cachedTokens / Math.max(1, tokens.length));
  metrics.gauge('sglang:token_usage', labels, cache.size() / card.total_kv_blocks);
  return { digest: digest(tokens), cachedTokens, seen };
}

async function* decode(
  { card, tokensPerSecond }: TextEngine,
  request: TextRequest,
  promptTokens: number,
  seen: readonly SeenImage[],
  signal: AbortSignal,
): Frames {
  const limit = Math.min(request.maxTokens ?? naturalLength, card.context_length - promptTokens);
  const { tokens, stopped } = answer(request.prompt, introduction(card, seen), limit, request.stop);
  const started = performance.now();
  for (const [index, text] of tokens.entries()) {
    await sleep(started + ((index + 1) * 1000) / tokensPerSecond - performance.now(), signal);
    // Behind the clock sleep does not pause: others must get their turn all the same.
    if (index % 32 === 0) await new Promise(setImmediate);
    if (signal.aborted) return;
    yield { type: 'text', text };
  }
  const finishReason = stopped || (request.maxTokens === null && limit === naturalLength) ? 'stop' : 'length';
  yield { type: 'end', finishReason, completionTokens: tokens.length + Number(stopped) };
}

function introduction(card: Card, seen: readonly SeenImage[]): string {
  const images = seen.map(({ type, width, height }) => `${type} ${width}x${height}`).join(', ');
  const sight = images === '' ? '' : ` It was given ${images}.`;
  return `This is a simulated answer from dynamo's embedded engine (model ${card.display_name}, ${card.worker_mode} worker).${sight}`;
}
