/** The flags and variables of a worker by topic (memory, transfer, images, diffusion, CPU), and those that only the plan may give. */
import type { Profile, WorkerMode, WorkerSpec } from '../../profile/profile.ts';
import type { Dialect } from '../dialects.ts';
import type { Ports } from '../engine.ts';
import type { Flag, PlannedFlags } from '../flags.ts';

// Memory: caps that keep a worker within its share.

/** Of the memory of this host: enough for tiny models, and no surprise for whoever else works here. */
const cpuFraction = 0.1;
const cpuTokens = 20_000;

/** Source: docs/upstream/launch-scripts.md#same-gpu; for a CPU docs/upstream/sglang-on-cpu.md#flags-and-variables. */
export function memoryFlags({ memory }: WorkerSpec, dialect: Dialect, device: Profile['device']): Flag[] {
  const onCpu = device === 'cpu';
  const fraction = onCpu
    ? cpuFraction
    : memory.maxTotalTokens === undefined
      ? undefined
      : dialect.fractionWithTokenCap;
  return [
    ['--context-length', memory.contextLength],
    ['--max-total-tokens', memory.maxTotalTokens ?? (onCpu ? cpuTokens : undefined)],
    ['--max-running-requests', memory.maxRunningRequests],
    ['--chunked-prefill-size', memory.chunkedPrefillSize],
    ['--max-prefill-tokens', memory.maxPrefillTokens],
    ['--mem-fraction-static', memory.staticFraction ?? fraction],
    // It saves memory of a GPU by loading a library of CUDA first.
    ['--enable-memory-saver', memory.saver === true && !onCpu],
    ['--delete-ckpt-after-loading', memory.deleteCheckpointAfterLoading],
  ];
}

// Transfer: the hand-over of the KV cache from prefill to decode.

/** NIXL registers memory as that of a GPU and dies on a CPU. Source: docs/upstream/sglang-on-cpu.md#transfer. */
function backendOf(spec: WorkerSpec, device: Profile['device']): string | undefined {
  const { mode, transfer } = spec;
  if (transfer === undefined && mode !== 'prefill' && mode !== 'decode') return undefined;
  return device === 'cpu' ? 'mooncake' : (transfer?.backend ?? 'nixl');
}

/**
 * Always with the backend: SGLang's own default is another one.
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
    // Transfers under way may end. Source: docs/upstream/launch-scripts.md#disaggregation.
    ...(spec.mode === 'prefill' ? { DYN_WORKER_GRACEFUL_SHUTDOWN_TIMEOUT: '60' } : {}),
  };
}

// Images: what makes a worker understand them, alone or with an encoder beside it.

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

// Diffusion: images, videos, and language.

export function isMedia(mode: WorkerMode): boolean {
  return mode === 'image' || mode === 'video';
}

/**
 * `mediaFolder`: where results go when the profile names no place.
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

/** Not for workers that make images and videos, which find out by themselves. */
export function cpuFlags({ mode, multimodal }: WorkerSpec): Flag[] {
  return [
    ['--device', 'cpu'],
    ['--attention-backend', 'torch_native'],
    ['--sampling-backend', 'pytorch'],
    ['--disable-overlap-schedule', true],
    ['--mm-attention-backend', multimodal ? 'sdpa' : undefined],
    // The fast one of PyTorch looks for a driver; the encode worker counts patches as the fast one does.
    ['--disable-fast-image-processor', multimodal && mode !== 'encode'],
  ];
}

export function cpuVariables({ mode }: WorkerSpec): Record<string, string> {
  return {
    CUDA_VISIBLE_DEVICES: '',
    // Pages of more than one token need a kernel of Triton, which has no compiler for CPUs.
    ...(mode === 'image' || mode === 'video' ? {} : { TRITON_INTERPRET: '1' }),
  };
}

// Flags that only the plan may give: ports, names and places that other processes rely on.

const ports = 'ports are planned, and free: `dynamo plan` shows them';
const model = 'use --model';
const profiles = 'choose a profile: dynamo profiles list';
const gpus = 'use --set components.NAME.gpus=N, so that the GPUs are planned';

/**
 * A pinned port silently overrides the planned one, and shows only when requests hang.
 * Source: docs/upstream/launch-scripts.md#disaggregation.
 */
export const plannedOnly: PlannedFlags = new Map([
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
