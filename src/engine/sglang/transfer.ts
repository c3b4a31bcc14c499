/** Hand-over of the KV cache from prefill to decode. */
import type { Profile, WorkerSpec } from '../../profile/profile.ts';
import type { Ports } from '../engine.ts';
import type { Flag } from '../flag-words.ts';

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
