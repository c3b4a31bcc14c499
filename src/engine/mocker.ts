/** Upstream's mocker: the real frontend before workers that compute nothing, without a GPU. */
import { DynamoError } from '../base/error.ts';
import type { WorkerMode, WorkerSpec } from '../profile/profile.ts';
import type { Dialect } from './dialects.ts';
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

/**
 * An idle one ends within 0.4 s; streams in flight are waited for.
 * Source: docs/upstream/processes.md#stopping-a-mocker.
 */
const workerGraceMs = 20_000;

const plannedOnly = new Map([
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
  metrics: {},
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

function make({ home, dialect, tokenizer }: UpstreamParts): Engine {
  return {
    kind: mocker,
    needsGpus: false,
    stopGraceMs: (part) => (part === 'frontend' ? frontendGraceMs : workerGraceMs),
    componentOf: (mode) => (mode === 'prefill' ? 'prefill' : 'backend'),
    portsOf,
    notes: ({ model }) => (isFolder(model) ? [] : [tokenizerNote(model)]),
    modelPlace: (model, name) => modelPlace(model, name, tokenizer),
    frontend: (spec, deployment) => upstreamFrontend(home, spec, deployment, spec.engineArgs.mocker ?? []),
    worker: (replica, deployment) => worker(home, dialect, replica, deployment),
  };
}

function worker(home: PythonHome, dialect: Dialect, replica: WorkerReplica, deployment: Deployment): Launch {
  const { spec, ports } = replica;
  const { memory } = spec;
  if (deployment.profile.proof.request === 'vision') throw seesNothing(deployment.profile.name);
  const flags: Flag[] = [
    ['--model-path', deployment.modelPath],
    ['--endpoint', spec.endpoint === undefined ? undefined : `dyn://${spec.endpoint}`],
    ['--disaggregation-mode', roleOf(spec.mode)],
    ['--bootstrap-ports', ports.bootstrap],
    ['--block-size', spec.pageSize],
    // Prefill and decode refuse what is more, where SGLang lets it wait, and for 5 s are asked nothing. Seen with 1.6.1.
    ['--max-num-seqs', spec.mode === 'aggregated' ? memory.maxRunningRequests : undefined],
    ['--max-model-len', dialect.mockerContextLength ? memory.contextLength : undefined],
    ['--num-gpu-blocks-override', blocks(spec)],
  ];
  const given = [...(spec.engineArgs.mocker ?? []), ...replica.rawArgs];
  return {
    command: [home.python, '-m', 'dynamo.mocker'],
    args: mergeFlags(flagWords(flags), given, plannedOnly),
    env: {
      ...pythonVariables(home, deployment, replica.name),
      // Its tokenizer is a folder: nothing is to be looked for on the network.
      HF_HUB_OFFLINE: '1',
      ...statusVariables(ports.system),
    },
  };
}

/** Its frontend answers HTTP 400 to an image. Seen with 1.6.1. */
function seesNothing(profile: string): DynamoError {
  return new DynamoError('usage', `The engine mocker cannot play ${profile}: it understands no images.`, {
    hint: 'use --engine sim, or a profile of agg, agg_router, disagg, disagg_router',
    impossible: true,
  });
}

/** Throws `usage` for modes that it cannot play. */
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
        `The engine mocker has no worker of mode ${mode}: it generates text only.`,
        {
          hint: 'use --engine sim, or a profile of agg, agg_router, disagg, disagg_router',
          impossible: true,
        },
      );
  }
}

/** Blocks of the simulated KV cache for a cap in tokens. */
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
 * The name in the API must be the path that the mocker is given: 1.1 never lists the model otherwise. So the name is
 * made a path, by a link. Source: docs/upstream/mocker.md#models.
 */
function modelPlace(model: string, name: string, tokenizer: string): ModelPlace {
  const local = model.startsWith('/');
  if (local && name === model) return { path: model };
  if (name.split('/').every((part) => /^[^.]/.test(part)))
    return { path: name, linkTo: local ? model : tokenizer };
  throw new DynamoError('usage', `The engine mocker cannot serve a model under the name ${name}.`, {
    hint: 'give it a name without ./ and without a leading slash: --set servedModelName=NAME',
  });
}

function tokenizerNote(model: string): Note {
  const because = `the mocker needs no weights; --model FOLDER takes the tokenizer of ${model} from a folder`;
  return { what: 'tokenizer', value: 'one of 2048 tokens that comes with dynamo', because };
}
