/** Upstream's mocker: the real frontend with workers that compute nothing, without a GPU. */
import { DynamoError } from '../base/error.ts';
import type { WorkerMode, WorkerSpec } from '../profile/profile.ts';
import type { VersionFlags } from './version-flags.ts';
import type {
  Deployment,
  Engine,
  Launch,
  ModelPlace,
  PortName,
  PythonHome,
  Note,
  UpstreamKind,
  UpstreamParts,
  WorkerReplica,
} from './engine.ts';
import { type Flag, flagWords, mergeFlags } from './flags.ts';
import {
  frontendGraceMs,
  pythonVariables,
  runtimeImage,
  statusVariables,
  upstreamFrontend,
} from './upstream.ts';
import { spansHosts } from './targets.ts';

/**
 * An idle mocker exits within 0.4 s; otherwise it waits for streams in flight.
 * Source: docs/upstream/processes.md#stopping-a-mocker.
 */
const workerGraceMs = 20_000;

const reservedFlags = new Map([
  ['--model-path', 'use --model'],
  ['--model-name', 'use --set servedModelName=NAME'],
  ['--endpoint', 'use --set components.NAME.endpoint=namespace.component.endpoint'],
  ['--disaggregation-mode', 'choose a profile: dynamo profiles list'],
  ['--bootstrap-ports', 'ports are planned: dynamo plan shows them'],
  ['--num-workers', 'use --replicas ROLE=N'],
  ['--discovery-backend', 'use --discovery'],
  ['--event-plane', 'use --events'],
  ['--request-plane', 'use --request-plane'],
]);

export const mocker: UpstreamKind = {
  name: 'mocker',
  uses: ['model'],
  requestPlanes: ['tcp', 'nats'],
  reachesAnyInfra: false,
  needsTemporaryFolder: true,
  image: runtimeImage,
  planner: { backend: 'mocker', workerFlags: [] },
  python: {
    version: '1.6.1',
    imports: () => ['dynamo.mocker.main'],
    preReleases: [],
    overrides: [],
    diskBytes: () => 1e9,
    notes: () => [],
    byHand: 'ai-dynamo',
    essential: ['dynamo'],
    worker: { module: 'dynamo.mocker', sources: ['dynamo/mocker'] },
  },
  make,
};

function make({ home, versionFlags, tokenizer }: UpstreamParts): Engine {
  return {
    kind: mocker,
    needsGpus: false,
    stopGraceMs: (part) => (part === 'frontend' ? frontendGraceMs : workerGraceMs),
    componentOf: (mode) => (mode === 'prefill' ? 'prefill' : 'backend'),
    portsOf,
    notes: ({ model }) => (isFolder(model) ? [] : [tokenizerNote(model)]),
    modelPlace: (model, name) => modelPlace(model, name, tokenizer),
    frontend: (spec, deployment) => upstreamFrontend(home, spec, deployment, spec.engineArgs.mocker ?? []),
    worker: (replica, deployment) => worker(home, versionFlags, replica, deployment),
  };
}

function worker(
  home: PythonHome,
  versionFlags: VersionFlags,
  replica: WorkerReplica,
  deployment: Deployment,
): Launch {
  const { spec, ports } = replica;
  const { memory } = spec;
  if (deployment.profile.proof.request === 'vision') throw noImages(deployment.profile.name);
  const flags: Flag[] = [
    ['--model-path', deployment.modelPath],
    ['--endpoint', spec.endpoint === undefined ? undefined : `dyn://${spec.endpoint}`],
    ['--disaggregation-mode', roleOf(spec.mode)],
    ['--bootstrap-ports', ports.bootstrap],
    ['--block-size', spec.pageSize],
    // Prefill and decode reject further requests, where SGLang queues them, and then get none for 5 s. Seen with 1.6.1.
    ['--max-num-seqs', spec.mode === 'aggregated' ? memory.maxRunningRequests : undefined],
    ['--max-model-len', versionFlags.mockerContextLength ? memory.contextLength : undefined],
    ['--num-gpu-blocks-override', blocks(spec)],
  ];
  const given = [...(spec.engineArgs.mocker ?? []), ...replica.rawArgs];
  return {
    command: [home.python, '-m', 'dynamo.mocker'],
    args: mergeFlags(flagWords(flags), given, reservedFlags),
    env: {
      ...pythonVariables(home, deployment, replica.name),
      // Its tokenizer is a local folder: nothing needs to be downloaded.
      HF_HUB_OFFLINE: '1',
      ...bootstrapVariables(deployment),
      ...statusVariables(ports.system, deployment),
    },
  };
}

/**
 * The address that a prefill worker announces to decode workers: without the variable, it is the one to which this
 * machine's host name resolves. Source: dynamo/mocker/config.py of 1.6.1.
 */
function bootstrapVariables(deployment: Deployment): Record<string, string> {
  if (deployment.target !== 'local' || !spansHosts(deployment)) return {};
  return { DYN_HTTP_RPC_HOST: deployment.network.address };
}

/** Its frontend answers images with HTTP 400. Seen with 1.6.1. */
function noImages(profile: string): DynamoError {
  return new DynamoError('usage', `The mocker engine cannot run ${profile}: it does not support images.`, {
    hint: 'use --engine sim, or one of the profiles agg, agg_router, disagg, disagg_router',
    impossible: true,
    fields: { engine: 'mocker', asked: profile },
  });
}

/** Throws `usage` for modes that it does not support. */
function roleOf(mode: WorkerMode): 'agg' | 'prefill' | 'decode' {
  switch (mode) {
    case 'aggregated':
      return 'agg';
    case 'prefill':
    case 'decode':
      return mode;
    case 'encode':
    case 'embedding':
    case 'image':
    case 'video':
    case 'diffusion-lm':
      throw new DynamoError(
        'usage',
        `The mocker engine does not support workers of mode ${mode}: it generates only text.`,
        {
          hint: 'use --engine sim, or one of the profiles agg, agg_router, disagg, disagg_router',
          impossible: true,
          fields: { engine: 'mocker', asked: mode },
        },
      );
  }
}

/** Blocks of the simulated KV cache for a limit in tokens. */
function blocks({ memory, pageSize }: WorkerSpec): number | undefined {
  if (memory.maxTotalTokens === undefined || pageSize === undefined) return undefined;
  return Math.max(1, Math.floor(memory.maxTotalTokens / pageSize));
}

function portsOf(spec: WorkerSpec): readonly PortName[] {
  return spec.mode === 'prefill' ? ['system', 'bootstrap'] : ['system'];
}

function isFolder(model: string): boolean {
  return /^[./~]/.test(model);
}

/**
 * The model's name in the API must equal the path that the mocker is given: otherwise 1.1 never lists the model. So a link
 * makes the name a path. Source: docs/upstream/mocker.md#models.
 */
function modelPlace(model: string, name: string, tokenizer: string): ModelPlace {
  const local = model.startsWith('/');
  if (local && name === model) return { path: model };
  if (name.split('/').every((part) => /^[^.]/.test(part)))
    return { path: name, linkTo: local ? model : tokenizer };
  throw new DynamoError('usage', `The engine mocker cannot serve a model under the name ${name}.`, {
    hint: 'use a name without ./ and without a leading slash: --set servedModelName=NAME',
    fields: { engine: 'mocker', asked: name },
  });
}

function tokenizerNote(model: string): Note {
  const because = `the mocker needs no weights; use --model FOLDER for the tokenizer of ${model}`;
  return { what: 'tokenizer', value: 'the built-in one with 2048 tokens', because };
}
