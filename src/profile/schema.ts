/** The schema of launch profiles: the single source of types, validation and the published JSON Schema. */
import * as z from 'zod';
import { externalInfra } from './infra.ts';
import { planner } from './planner.ts';

export const workerModes = [
  'aggregated',
  'prefill',
  'decode',
  'encode',
  'embedding',
  'image',
  'video',
  'diffusion-lm',
] as const;

// Only a few profiles are parsed: compiling the parser would take longer than it saves.
z.config({ jitless: true });

const port = z.int().min(1).max(65_535);
const count = z.int().min(1).max(64);
/** On a cluster; src/plan has the limit of one machine. */
const replicas = z.int().min(1).max(10_000);
const seconds = z.number().positive().max(86_400);
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const words = z.array(z.string()).default([]);
const rawArguments = z.array(scalar.transform(String)).default([]);
const environment = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable'),
    scalar.transform(String),
  )
  .default({});

const router = z
  .strictObject({
    mode: z
      .enum(['round-robin', 'random', 'kv'])
      .default('round-robin')
      .describe('How the frontend picks a worker'),
    kvEvents: z
      .boolean()
      .default(true)
      .describe(
        'In mode kv: follow the KV events of the workers; false predicts cache contents from past routing',
      ),
  })
  .describe('Request routing of the frontend');

/** Escape hatch: arguments for one engine, appended unchanged after all planned arguments. */
const engineArgs = z
  .strictObject({ sglang: rawArguments, mocker: rawArguments, sim: rawArguments })
  .partial()
  .describe('Escape hatch: raw arguments for one engine, appended unchanged');

const checks = {
  periodSeconds: seconds.optional().describe('Time between two checks; default: 5'),
  timeoutSeconds: seconds.optional().describe('Time to answer one check; default: 5'),
  failureThreshold: z
    .int()
    .min(1)
    .max(100)
    .optional()
    .describe('Consecutive failed checks after which a process is unhealthy; default: 3'),
};
const whatFollows =
  'Checks of a ready process; an unhealthy one is stopped, and restart decides what follows';

const shared = {
  dependsOn: z
    .record(z.string(), z.enum(['started', 'ready']))
    .default({})
    .describe('Components that must reach a condition before this one starts'),
  env: environment.describe('Environment variables of these processes'),
  engineArgs: engineArgs.default({}),
  startupTimeoutSeconds: seconds.default(1800).describe('Time limit for this component to become ready'),
  stopTimeoutSeconds: seconds
    .optional()
    .describe('Grace between SIGTERM and SIGKILL; default: what the engine needs'),
  restart: z
    .enum(['no', 'on-failure', 'always'])
    .optional()
    .describe(
      'What follows when a process exits unasked: no ends the run, on-failure restarts the process until it is in a crash loop, always restarts it forever; default: no in the foreground, on-failure when detached',
    ),
  maxRestarts: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('More restarts than this within restartWindowSeconds are a crash loop; default: 5'),
  restartWindowSeconds: seconds.optional().describe('Default: 600'),
  backoffSeconds: seconds
    .optional()
    .describe(
      'Pause before the first restart, doubled with each restart in the window; default: none before the first, then 2, 4, 8 …',
    ),
  maxBackoffSeconds: seconds.optional().describe('The longest pause before a restart; default: 30'),
};

const frontend = z.strictObject({
  kind: z.literal('frontend'),
  router: router.prefault({}),
  httpPort: port.optional().describe('Preferred HTTP port; --http-port overrides it'),
  chatProcessor: z.enum(['dynamo', 'sglang']).optional().describe('What renders chat templates'),
  liveness: z.strictObject(checks).optional().describe(whatFollows),
  ...shared,
});

const worker = z.strictObject({
  kind: z.literal('worker'),
  mode: z.enum(workerModes),
  replicas: replicas.default(1),
  gpus: z.int().min(0).max(64).default(1).describe('GPUs of each replica'),
  nodes: count
    .default(1)
    .describe('Machines over which the GPUs of each replica are spread evenly; without Kubernetes: --nnodes'),
  tensorParallel: count.optional().describe('Tensor parallel size; default: gpus'),
  shareGpuWith: z.string().optional().describe('Run on the same GPUs as this other component'),
  gpuMemoryGiB: z.number().positive().optional().describe('Hint: GPU memory that one replica needs'),
  pageSize: z
    .int()
    .min(1)
    .max(1024)
    .optional()
    .describe('Tokens in one KV block; must be equal on all workers of a model'),
  kvEvents: z.boolean().default(false).describe('Publish KV cache events for the router'),
  transfer: z
    .strictObject({ backend: z.enum(['nixl', 'mooncake']).default('nixl') })
    .optional()
    .describe('KV transfer between prefill and decode'),
  multimodal: z.boolean().default(false).describe('Accept images in requests'),
  dedicatedEncoder: z.boolean().default(false).describe('Images are encoded by a separate encode component'),
  frontendDecoding: z.boolean().default(false).describe('Decode images in the frontend'),
  embeddingCacheGiB: z.number().min(0).optional().describe('Multimodal embedding cache of an encode worker'),
  chatTemplate: z.string().optional().describe('Name or path of a chat template'),
  diffusion: z
    .strictObject({ algorithm: z.string(), config: z.string().optional() })
    .optional()
    .describe('Diffusion language model: decoding algorithm and its YAML file'),
  media: z
    .strictObject({ fsUrl: z.string().optional(), httpUrl: z.string().optional() })
    .optional()
    .describe('Where generated images and videos go; default: the folder of the run'),
  memory: z
    .strictObject({
      contextLength: z.int().positive().optional(),
      maxTotalTokens: z.int().positive().optional(),
      maxRunningRequests: z.int().positive().optional(),
      chunkedPrefillSize: z.int().positive().optional(),
      maxPrefillTokens: z.int().positive().optional(),
      staticFraction: z.number().gt(0).max(1).optional(),
      saver: z.boolean().optional().describe('Memory saver of SGLang'),
      deleteCheckpointAfterLoading: z.boolean().optional(),
    })
    .default({})
    .describe('Limits on the memory of an engine'),
  radixCache: z.boolean().default(true),
  hierarchicalCache: z
    .strictObject({
      ratio: z
        .number()
        .gt(1)
        .max(1000)
        .optional()
        .describe("Size of the cache in host memory, as a multiple of the GPU's; default: SGLang's, 2"),
      sizeGB: z
        .int()
        .min(1)
        .max(100_000)
        .optional()
        .describe('Its size in gigabytes (10^9 bytes) for each rank, in place of ratio'),
      writePolicy: z
        .enum(['write_through', 'write_through_selective', 'write_back'])
        .optional()
        .describe("When blocks are copied to it; default: SGLang's, write_through"),
      storage: z
        .enum(['file', 'nixl'])
        .optional()
        .describe('A third level below host memory; file: a folder of the run; others: engineArgs'),
      prefetch: z
        .enum(['timeout', 'best_effort', 'wait_complete'])
        .optional()
        .describe("How long a request waits for blocks from storage; default: SGLang's, timeout"),
    })
    .optional()
    .describe('HiCache of SGLang: keeps KV blocks that leave the GPU in host memory'),
  endpoint: z
    .string()
    .regex(/^[\w-]+\.[\w-]+\.[\w-]+$/, 'expected namespace.component.endpoint')
    .optional()
    .describe("Where the worker registers; default: upstream's endpoint for its mode"),
  unified: z.boolean().default(false).describe("Upstream 1.1.x only: the worker's unified entry point"),
  liveness: z
    .strictObject({
      ...checks,
      standstillSeconds: z
        .number()
        .min(0)
        .max(86_400)
        .optional()
        .describe(
          'With requests in flight, the shortest time without a token or any other sign of work after which a worker is sent a request, and is unhealthy without an answer; 0: never; default: 20',
        ),
    })
    .optional()
    .describe(whatFollows),
  ...shared,
});

const component = z.discriminatedUnion('kind', [frontend, worker]);

/** One declaration under `parameters`. */
export const parameterSchema = z
  .strictObject({
    type: z.enum(['string', 'integer', 'number', 'boolean']),
    default: scalar
      .optional()
      .describe('If absent, the parameter is unset, and keys whose value is exactly ${name} are omitted'),
    description: z.string().min(1),
    choices: z.array(scalar).min(1).optional(),
    env: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .transform((names) => (typeof names === 'string' ? [names] : names))
      .optional()
      .describe(
        'Environment variables that set it unless --set does; the first that is set and not empty is used',
      ),
  })
  .describe('One value that a user can set with --set name=value');

const overlay = z.strictObject({
  when: z.record(z.string(), scalar).describe('Applies when every named parameter has this value'),
  set: z.record(z.string(), z.unknown()).describe('Merged over the profile, as with extends'),
});

/** A request that proves that the deployment serves; it must succeed before the deployment is ready. */
const proof = z
  .strictObject({
    request: z.enum(['chat', 'vision', 'embedding', 'image', 'video']),
    prompt: z.string().optional(),
    maxTokens: z.int().min(1).max(4096).default(16),
    size: z
      .string()
      .regex(/^\d+x\d+$/, 'expected WIDTHxHEIGHT')
      .optional(),
    steps: z.int().positive().optional(),
    frames: z.int().positive().optional(),
    seconds: z.number().positive().optional(),
    fps: z.int().positive().optional(),
  })
  .describe('The request that proves that the deployment works');

const figure = z.number().positive();

/** Not measured: whoever shows these figures says so. */
const predicted = z
  .strictObject({
    by: z.string().min(1).describe('The program that computed them, with its version'),
    data: z.string().min(1).describe('The engine whose measurements it computed with, with its version'),
    gpu: z.string().min(1).describe('Type of GPU'),
    gpus: z.int().positive(),
    inputTokens: z.int().positive(),
    outputTokens: z.int().positive(),
    concurrency: figure.describe('Requests at the same time at which the figures hold'),
    tokensPerSecondPerGpu: figure,
    tokensPerSecondPerUser: figure,
    requestsPerSecond: figure,
    ttftMs: figure,
    itlMs: figure,
    requestMs: figure,
  })
  .describe(
    'Figures that `dynamo advise` predicts for this profile; `dynamo bench` shows them beside its own',
  );

export const profileSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_-]*$/, 'expected lower-case letters, digits, _ and - only')
      .optional(),
    description: z.string().min(1).describe('One line for lists'),
    aliases: words.describe('Other names of this profile'),
    upstreamScripts: words.describe("Upstream's launch scripts that this profile replaces"),
    extends: z.string().optional().describe('Profile that this one is merged over'),
    parameters: z
      .record(z.string().regex(/^[a-z][A-Za-z0-9]*$/, 'expected a name in camelCase'), parameterSchema)
      .default({}),
    overlays: z.array(overlay).default([]),
    model: z.string().min(1).describe('Hugging Face id or local folder'),
    servedModelName: z.string().min(1).optional().describe('Name in the API; default: the model'),
    namespace: z
      .string()
      .regex(/^[\w-]+$/, 'expected letters, digits, _ and - only')
      .default('dynamo'),
    discovery: z.enum(['auto', 'file', 'etcd']).default('auto'),
    events: z.enum(['auto', 'zmq', 'nats', 'none']).default('auto'),
    requestPlane: z.enum(['tcp', 'nats']).default('tcp'),
    infra: externalInfra.optional(),
    tracing: z.boolean().default(false).describe('Export OpenTelemetry traces'),
    device: z.enum(['gpu', 'cpu']).default('gpu').describe('cpu: tiny models on a machine without GPUs'),
    env: environment.describe('Environment variables of every process'),
    components: z.record(
      z.string().regex(/^[a-z][a-z0-9-]*$/, 'expected lower-case letters, digits and - only'),
      component,
    ),
    proof: proof,
    planner: planner.optional(),
    predicted: predicted.optional(),
  })
  .describe('Launch profile of dynamo');

export type ProfileDocument = z.infer<typeof profileSchema>;
export type FrontendSpec = z.infer<typeof frontend>;
export type WorkerSpec = z.infer<typeof worker>;
export type WorkerMode = (typeof workerModes)[number];
export type ParameterSpec = z.infer<typeof parameterSchema>;
export type ProofSpec = z.infer<typeof proof>;
