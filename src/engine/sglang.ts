/** Real NVIDIA Dynamo with SGLang: `python -m dynamo.frontend` and `python -m dynamo.sglang`. */
import type { Profile, WorkerMode, WorkerSpec } from '../profile/profile.ts';
import type { VersionFlags } from './version-flags.ts';
import type { Engine, PortName, Note, UpstreamKind, UpstreamParts } from './engine.ts';
import { kernelCaches } from './sglang/kernel-caches.ts';
import { pythonNeed } from './sglang/python-need.ts';
import { sglangWorker } from './sglang/worker.ts';
import { frontendGraceMs, runtimeImage, upstreamFrontend } from './upstream.ts';

/** Clean exits took up to 10.5 s. Source: docs/upstream/processes.md#stopping-an-sglang-worker. */
const workerGraceMs = 35_000;
/** Upstream gives a prefill worker 60 s for transfers in progress; with stuck transfers it would take 281 s. */
const prefillGraceMs = 70_000;

export const sglang: UpstreamKind = {
  name: 'sglang',
  uses: ['gpus', 'locked-memory', 'cudnn', 'nixl', 'model', 'weights'],
  requestPlanes: ['tcp', 'nats'],
  reachesAnyInfra: false,
  needsTemporaryFolder: true,
  image: runtimeImage,
  ranks: {
    modes: ['aggregated', 'prefill', 'decode', 'diffusion-lm'],
    loaded: 'dynamo_component_model_load_time_seconds',
  },
  planner: {
    backend: 'sglang',
    workerFlags: ['--enable-forward-pass-metrics'],
    // The scheduler dies of its first request. Source: docs/upstream/planner.md#what-it-reads.
    lackOnCpu: 'SGLang times each step for the planner with CUDA, which is not there with device: cpu',
  },
  kernelCaches,
  backendFramework: 'sglang',
  python: pythonNeed,
  make,
};

function make({ home, versionFlags, device }: UpstreamParts): Engine {
  return {
    kind: sglang,
    needsGpus: device === 'gpu',
    stopGraceMs,
    componentOf: (mode) => componentOf(mode, versionFlags),
    portsOf,
    notes: (profile) => (device === 'cpu' ? cpuNotes(profile) : []),
    modelPlace: (model) => ({ path: model }),
    frontend: (spec, deployment) => upstreamFrontend(home, spec, deployment, spec.engineArgs.sglang ?? []),
    worker: (replica, deployment) => sglangWorker({ home, versionFlags, device, replica, deployment }),
  };
}

function stopGraceMs(part: 'frontend' | WorkerMode): number {
  if (part === 'frontend') return frontendGraceMs;
  return part === 'prefill' ? prefillGraceMs : workerGraceMs;
}

function componentOf(mode: WorkerMode, versionFlags: VersionFlags): string {
  if (mode === 'encode') return versionFlags.encodeComponent;
  return mode === 'prefill' ? mode : 'backend';
}

/**
 * Also plans ports for which upstream would pick a free one early and bind it late.
 * Source: docs/upstream/launch-scripts.md#ports-picked-early.
 */
function portsOf({ mode, kvEvents }: WorkerSpec): readonly PortName[] {
  return [
    'system',
    'nccl',
    'engine',
    ...(mode === 'prefill' ? (['bootstrap'] as const) : []),
    ...(kvEvents ? (['kvEvents'] as const) : []),
  ];
}

function cpuNotes({ components }: Profile): Note[] {
  const transfers = Object.values(components).some(
    (spec) => spec.kind === 'worker' && spec.transfer !== undefined,
  );
  if (!transfers) return [];
  return [
    { what: 'transfer', value: 'mooncake', because: 'device: cpu, and NIXL cannot register CPU memory' },
  ];
}
