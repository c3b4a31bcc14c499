/** What makes a worker understand images, alone or with an encoder beside it. */
import type { Profile, WorkerSpec } from '../../profile/profile.ts';
import type { Dialect } from '../dialects.ts';
import type { Flag } from '../flag-words.ts';

/**
 * Until 1.2 a worker takes images as it is, and those with an encoder beside them are kinds of their own.
 * Source: docs/upstream/launch-scripts.md#multimodal.
 */
export function multimodalFlags(spec: WorkerSpec, dialect: Dialect): Flag[] {
  const encodes = spec.mode === 'encode';
  const kinds = dialect.multimodal === 'worker-kinds';
  return [
    ['--multimodal-encode-worker', kinds && encodes],
    ['--multimodal-worker', kinds && spec.dedicatedEncoder],
    ['--enable-multimodal', !kinds && (spec.multimodal || encodes)],
    ['--dedicated-mm-encoder', !kinds && spec.dedicatedEncoder],
    ['--disaggregation-mode', kinds ? undefined : modeOf(spec)],
    ['--frontend-decoding', spec.frontendDecoding],
    ['--multimodal-embedding-cache-capacity-gb', spec.embeddingCacheGiB],
  ];
}

/** Those of prefill and decode are said where the hand-over is. */
function modeOf({ mode, dedicatedEncoder }: WorkerSpec): string | undefined {
  if (mode === 'encode') return 'encode';
  return mode === 'aggregated' && dedicatedEncoder ? 'pd' : undefined;
}

/** As upstream's scripts do; a worker for text keeps its tokenizer, which JSON schemas in requests need. */
export function skipsTokenizer({ mode, multimodal, dedicatedEncoder }: WorkerSpec): boolean {
  if (mode === 'aggregated') return multimodal || dedicatedEncoder;
  if (mode === 'prefill' || mode === 'decode') return dedicatedEncoder;
  return mode !== 'embedding';
}

/** How embeddings get from the encode worker to the others. Source: docs/upstream/launch-scripts.md#multimodal. */
export function multimodalVariables(
  spec: WorkerSpec,
  dialect: Dialect,
  device: Profile['device'],
): Record<string, string> {
  if (spec.mode !== 'encode' && !spec.dedicatedEncoder) return {};
  const mode = device === 'cpu' ? 'local' : dialect.embeddingTransfer;
  return mode === undefined ? {} : { DYN_SGL_EMBEDDING_TRANSFER_MODE: mode };
}
