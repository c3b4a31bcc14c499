/** Flags of SGLang workers that only the plan may give: ports, names and places that other processes rely on. */
import type { PlannedFlags } from '../raw-flags.ts';

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
