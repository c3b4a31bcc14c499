/** The command of one SGLang worker: flags of all modes, flags of its mode, arguments of the user. */
import { DynamoError } from '../../base/error.ts';
import type { Profile } from '../../profile/profile.ts';
import type { VersionFlags } from '../version-flags.ts';
import type { Deployment, Launch, LocalDeployment, PythonHome, WorkerReplica } from '../engine.ts';
import { type Flag, flagWords, mergeFlags } from '../flags.ts';
import { pythonVariables, statusVariables, tracesEndpoint } from '../upstream.ts';
import { meetingPoint, spansHosts, spellingFor } from '../targets.ts';
import {
  cacheFlags,
  cacheVariables,
  cpuFlags,
  cpuVariables,
  isMedia,
  languageDiffusionFlags,
  mediaFlags,
  memoryFlags,
  multimodalFlags,
  multimodalVariables,
  reservedFlags,
  skipsTokenizer,
  transferFlags,
  transferVariables,
} from './worker-flags.ts';

function localVariables(deployment: LocalDeployment): Record<string, string> {
  const { network } = deployment;
  return {
    // The address that prefill announces to decode for the KV cache; its server listens there.
    SGLANG_HOST_IP: network.address,
    // Otherwise, setting process titles would erase the environment of its children, by which we identify them.
    SPT_NOENV: '1',
    // NCCL and Gloo otherwise take the first interface that they find.
    ...(spansHosts(deployment)
      ? { NCCL_SOCKET_IFNAME: network.interface, GLOO_SOCKET_IFNAME: network.interface }
      : {}),
  };
}

export interface WorkerParts {
  readonly home: PythonHome;
  readonly versionFlags: VersionFlags;
  readonly device: Profile['device'];
  readonly replica: WorkerReplica;
  readonly deployment: Deployment;
}

/** The titles that SGLang gives its processes once they have loaded. Source: docs/upstream/processes.md#process-tree. */
const vitalChildren = '^(sglang::|sgl_diffusion::)';

/**
 * They look for free ports from 30005 and 5555 up as they begin to load, and bind them when they have loaded.
 * Source: docs/upstream/launch-scripts.md#ports-picked-early.
 */
const mediaTurn = 'sgl_diffusion';

/** Throws `usage` for raw arguments that only the plan may set, `environment` for features that this version lacks. */
export function sglangWorker(parts: WorkerParts): Launch {
  const { home, versionFlags, device, replica, deployment } = parts;
  const { spec, ports } = replica;
  requireKnown(parts);
  const planned = flagWords([
    ...commonFlags(parts),
    ...(isMedia(spec.mode) ? mediaFlags(spec, deployment.mediaFolder) : languageFlags(parts)),
  ]);
  const graphs =
    spec.mode === 'aggregated' || spec.transfer !== undefined ? versionFlags.withoutPrefillGraphs : [];
  const given = [...(spec.engineArgs.sglang ?? []), ...replica.rawArgs];
  return {
    command: [
      home.python,
      '-m',
      spec.unified && versionFlags.unifiedModule !== undefined ? versionFlags.unifiedModule : 'dynamo.sglang',
    ],
    args: mergeFlags([...planned, ...(device === 'cpu' ? [] : graphs)], given, reservedFlags),
    env: {
      ...pythonVariables(home, deployment, replica.name),
      ...statusVariables(ports.system, deployment),
      ...(deployment.target === 'local' ? localVariables(deployment) : {}),
      ...(deployment.target === 'local' ? cacheVariables(spec, deployment.kvCacheFolder) : {}),
      ...transferVariables(spec, device),
      ...multimodalVariables(spec, versionFlags, device),
      ...(device === 'cpu' ? cpuVariables(spec) : {}),
    },
    vitalChildren,
    ...(isMedia(spec.mode) && deployment.target === 'local' ? { loadsInTurn: mediaTurn } : {}),
  };
}

function commonFlags({ home, device, replica, deployment }: WorkerParts): Flag[] {
  const { spec, ports, rank } = replica;
  const gpus = device === 'cpu' ? 1 : Math.max(1, spec.gpus);
  return [
    ['--model-path', deployment.modelPath],
    ['--served-model-name', deployment.servedModelName],
    ['--endpoint', spec.endpoint === undefined ? undefined : `dyn://${spec.endpoint}`],
    ['--tp-size', spec.tensorParallel ?? gpus],
    ['--nnodes', rank?.of],
    ['--node-rank', rank?.rank],
    ['--dist-init-addr', rank === undefined ? undefined : meetingPoint(rank)],
    ['--trust-remote-code', true],
    ['--nccl-port', ports.nccl],
    ['--skip-tokenizer-init', skipsTokenizer(spec)],
    ['--enable-metrics', true],
    ['--enable-trace', deployment.profile.tracing],
    // SGLang accepts only host and port. Source: docs/upstream/launch-scripts.md#tracing.
    [
      '--otlp-traces-endpoint',
      deployment.profile.tracing ? tracesEndpoint(home).replace(/^\w+:\/\/|\/.*$/g, '') : undefined,
    ],
  ];
}

function languageFlags({ versionFlags, device, replica, deployment }: WorkerParts): Flag[] {
  const { spec, ports } = replica;
  return [
    ['--host', spellingFor(deployment).listen],
    ['--port', ports.engine],
    ['--page-size', spec.pageSize],
    ['--chat-template', spec.chatTemplate],
    ['--embedding-worker', spec.mode === 'embedding'],
    // Embeddings need SGLang's own tokenizer. Source: docs/upstream/launch-scripts.md#embeddings.
    ['--use-sglang-tokenizer', spec.mode === 'embedding'],
    ...multimodalFlags(spec, versionFlags),
    ...transferFlags(spec, ports, device),
    ...languageDiffusionFlags(spec, device),
    ['--kv-events-config', deployment.events === 'none' ? undefined : kvEvents(ports.kvEvents, deployment)],
    ...cacheFlags(spec),
    ...memoryFlags(spec, versionFlags, device),
    ...(device === 'cpu' ? cpuFlags(spec) : []),
  ];
}

function kvEvents(port: number | undefined, deployment: Deployment): string | undefined {
  if (port === undefined) return undefined;
  return JSON.stringify({
    publisher: 'zmq',
    topic: 'kv-events',
    endpoint: `tcp://${spellingFor(deployment).publish}:${port}`,
  });
}

function requireKnown({ home, versionFlags, replica: { spec } }: WorkerParts): void {
  const unknown = [
    ...(spec.frontendDecoding && !versionFlags.frontendDecoding
      ? ['frontendDecoding, which needs Dynamo 1.2 or newer,']
      : []),
    ...(spec.unified && versionFlags.unifiedModule === undefined
      ? ['unified, which was removed in Dynamo 1.4,']
      : []),
  ];
  for (const what of unknown) {
    throw new DynamoError(
      'environment',
      `The profile uses ${what} but ${home.folder} contains Dynamo ${versionFlags.generation}.`,
      {
        hint: 'remove it, or use another environment: --python FOLDER',
        fields: { file: home.folder, version: versionFlags.generation, asked: what },
      },
    );
  }
}
