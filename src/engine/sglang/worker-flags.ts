/** The flags and variables of a worker by topic (memory, transfer, images, diffusion, CPU), and flags that only the plan may set. */
import type { Profile, WorkerMode, WorkerSpec } from '../../profile/profile.ts';
import type { VersionFlags } from '../version-flags.ts';
import type { Ports } from '../engine.ts';
import type { Flag, ReservedFlags } from '../flags.ts';

// Memory: limits that keep a worker within its share.

/** Share of the host's memory: enough for tiny models, and little enough for other users of the host. */
const cpuFraction = 0.1;
const cpuTokens = 20_000;

/** Source: docs/upstream/launch-scripts.md#same-gpu; for a CPU docs/upstream/sglang-on-cpu.md#flags-and-variables. */
export function memoryFlags(
  { memory }: WorkerSpec,
  versionFlags: VersionFlags,
  device: Profile['device'],
): Flag[] {
  const onCpu = device === 'cpu';
  const fraction = onCpu
    ? cpuFraction
    : memory.maxTotalTokens === undefined
      ? undefined
      : versionFlags.fractionWithTokenCap;
  return [
    ['--context-length', memory.contextLength],
    ['--max-total-tokens', memory.maxTotalTokens ?? (onCpu ? cpuTokens : undefined)],
    ['--max-running-requests', memory.maxRunningRequests],
    ['--chunked-prefill-size', memory.chunkedPrefillSize],
    ['--max-prefill-tokens', memory.maxPrefillTokens],
    ['--mem-fraction-static', memory.staticFraction ?? fraction],
    // The memory saver is for GPUs: it preloads a CUDA library.
    ['--enable-memory-saver', memory.saver === true && !onCpu],
    ['--delete-ckpt-after-loading', memory.deleteCheckpointAfterLoading],
  ];
}

/** Source: docs/upstream/memory-and-gpus.md#hierarchical-cache. */
export function cacheFlags({ radixCache, hierarchicalCache }: WorkerSpec): Flag[] {
  return [
    ['--disable-radix-cache', !radixCache],
    ['--enable-hierarchical-cache', hierarchicalCache !== undefined],
    ['--hicache-ratio', hierarchicalCache?.ratio],
    ['--hicache-size', hierarchicalCache?.sizeGB],
    ['--hicache-write-policy', hierarchicalCache?.writePolicy],
    ['--hicache-storage-backend', hierarchicalCache?.storage],
    ['--hicache-storage-prefetch-policy', hierarchicalCache?.prefetch],
  ];
}

/** Without it, files of all runs would be in one folder, and stay. `folder`: of this run. */
export function cacheVariables(
  { hierarchicalCache }: WorkerSpec,
  folder: string | undefined,
): Record<string, string> {
  if (hierarchicalCache?.storage !== 'file' || folder === undefined) return {};
  return { SGLANG_HICACHE_FILE_BACKEND_STORAGE_DIR: folder };
}

// Transfer of the KV cache from prefill to decode.

/** NIXL registers memory as GPU memory and crashes on a CPU. Source: docs/upstream/sglang-on-cpu.md#transfer. */
function backendOf(spec: WorkerSpec, device: Profile['device']): string | undefined {
  const { mode, transfer } = spec;
  if (transfer === undefined && mode !== 'prefill' && mode !== 'decode') return undefined;
  return device === 'cpu' ? 'mooncake' : (transfer?.backend ?? 'nixl');
}

/**
 * The backend is always set, since SGLang's default is a different one.
 * Source: docs/upstream/launch-scripts.md#disaggregation.
 */
export function transferFlags(spec: WorkerSpec, ports: Ports, device: Profile['device']): Flag[] {
  const { mode } = spec;
  return [
    ['--disaggregation-mode', mode === 'prefill' || mode === 'decode' ? mode : undefined],
    ['--disaggregation-transfer-backend', backendOf(spec, device)],
    ['--disaggregation-bootstrap-port', ports.bootstrap],
  ];
}

export function transferVariables(spec: WorkerSpec, device: Profile['device']): Record<string, string> {
  return {
    ...(device === 'cpu' && backendOf(spec, device) === 'mooncake' ? { MOONCAKE_PROTOCOL: 'tcp' } : {}),
    // Time for transfers in progress. Source: docs/upstream/launch-scripts.md#disaggregation.
    ...(spec.mode === 'prefill' ? { DYN_WORKER_GRACEFUL_SHUTDOWN_TIMEOUT: '60' } : {}),
  };
}

// Images: what a worker needs to accept them, with or without a separate encoder.

/**
 * Until 1.2, every worker accepts images, and workers with a separate encoder are kinds of their own.
 * Source: docs/upstream/launch-scripts.md#multimodal.
 */
export function multimodalFlags(spec: WorkerSpec, versionFlags: VersionFlags): Flag[] {
  const encodes = spec.mode === 'encode';
  const kinds = versionFlags.multimodal === 'worker-kinds';
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

/** `transferFlags` sets the modes of prefill and decode. */
function modeOf({ mode, dedicatedEncoder }: WorkerSpec): string | undefined {
  if (mode === 'encode') return 'encode';
  return mode === 'aggregated' && dedicatedEncoder ? 'pd' : undefined;
}

/** As in upstream's scripts. A text worker keeps its tokenizer, which is needed for JSON schemas in requests. */
export function skipsTokenizer({ mode, multimodal, dedicatedEncoder }: WorkerSpec): boolean {
  if (mode === 'aggregated') return multimodal || dedicatedEncoder;
  if (mode === 'prefill' || mode === 'decode') return dedicatedEncoder;
  return mode !== 'embedding';
}

/** How the encode worker sends embeddings to the others. Source: docs/upstream/launch-scripts.md#multimodal. */
export function multimodalVariables(
  spec: WorkerSpec,
  versionFlags: VersionFlags,
  device: Profile['device'],
): Record<string, string> {
  if (spec.mode !== 'encode' && !spec.dedicatedEncoder) return {};
  const mode = device === 'cpu' ? 'local' : versionFlags.embeddingTransfer;
  return mode === undefined ? {} : { DYN_SGL_EMBEDDING_TRANSFER_MODE: mode };
}

// Diffusion: images, videos, and language.

export function isMedia(mode: WorkerMode): boolean {
  return mode === 'image' || mode === 'video';
}

/**
 * `mediaFolder`: where results go unless the profile sets a location.
 * Source: docs/upstream/launch-scripts.md#image-and-video-workers.
 */
export function mediaFlags({ mode, media }: WorkerSpec, mediaFolder: string): Flag[] {
  return [
    ['--image-diffusion-worker', mode === 'image'],
    ['--video-generation-worker', mode === 'video'],
    ['--media-output-fs-url', media?.fsUrl ?? `file://${mediaFolder}`],
    ['--media-output-http-url', media?.httpUrl],
  ];
}

const gpuFlags: readonly Flag[] = [
  ['--disable-cuda-graph', true],
  ['--disable-overlap-schedule', true],
  ['--attention-backend', 'triton'],
];

/** Source: docs/upstream/launch-scripts.md#diffusion-language-models. */
export function languageDiffusionFlags({ mode, diffusion }: WorkerSpec, device: Profile['device']): Flag[] {
  if (mode !== 'diffusion-lm') return [];
  return [
    ['--dllm-algorithm', diffusion?.algorithm],
    ['--dllm-algorithm-config', diffusion?.config],
    ...(device === 'gpu' ? gpuFlags : []),
  ];
}

// CPU: a tiny model on a machine without a GPU. Source: docs/upstream/sglang-on-cpu.md.

/** Not for image and video workers, which detect the CPU themselves. */
export function cpuFlags({ mode, multimodal }: WorkerSpec): Flag[] {
  return [
    ['--device', 'cpu'],
    ['--attention-backend', 'torch_native'],
    ['--sampling-backend', 'pytorch'],
    ['--disable-overlap-schedule', true],
    ['--mm-attention-backend', multimodal ? 'sdpa' : undefined],
    // PyTorch's fast processor requires a driver; the encode worker counts patches like the fast one, so it keeps it.
    ['--disable-fast-image-processor', multimodal && mode !== 'encode'],
  ];
}

export function cpuVariables({ mode }: WorkerSpec): Record<string, string> {
  return {
    CUDA_VISIBLE_DEVICES: '',
    // Pages of more than one token need a Triton kernel, and Triton cannot compile for CPUs.
    ...(mode === 'image' || mode === 'video' ? {} : { TRITON_INTERPRET: '1' }),
  };
}

// Flags that only the plan may set: ports, names and paths that other processes rely on.

const ports = 'ports are planned automatically: `dynamo plan` shows them';
const model = 'use --model';
const profiles = 'choose a profile: dynamo profiles list';
const hosts = 'leave it out behind --: `dynamo up` has an option of that name';
const gpus = 'use --set components.NAME.gpus=N, so that the GPUs are planned';

/**
 * A port set by the user would silently override the planned one, and be noticed only when requests hang.
 * Source: docs/upstream/launch-scripts.md#disaggregation.
 */
export const reservedFlags: ReservedFlags = new Map([
  ['--model-path', model],
  ['--model', model],
  ['--served-model-name', 'use --set servedModelName=NAME'],
  ['--endpoint', 'use --set components.NAME.endpoint=namespace.component.endpoint'],
  ['--namespace', 'use --set namespace=NAME'],
  ['--discovery-backend', 'use --discovery'],
  ['--event-plane', 'use --events'],
  ['--request-plane', 'use --request-plane'],
  ['--device', 'use --set device=cpu'],
  ['--tp-size', gpus],
  ['--tp', gpus],
  ['--tensor-parallel-size', gpus],
  ['--nnodes', hosts],
  ['--node-rank', hosts],
  ['--dist-init-addr', hosts],
  ['--host', ports],
  ['--port', ports],
  ['--nccl-port', ports],
  ['--disaggregation-bootstrap-port', ports],
  ['--kv-events-config', 'use --set components.NAME.kvEvents=true'],
  ['--disaggregation-mode', profiles],
  ['--disaggregation-transfer-backend', 'use --set transferBackend=NAME'],
  ['--embedding-worker', profiles],
  ['--image-diffusion-worker', profiles],
  ['--video-generation-worker', profiles],
  ['--multimodal-worker', profiles],
  ['--multimodal-encode-worker', profiles],
  ['--dedicated-mm-encoder', profiles],
]);
