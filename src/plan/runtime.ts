/** What changes when frontend and workers run in containers: the host that they see, and what is mounted and passed. */
import { DynamoError } from '../base/error.ts';
import type { Engine, EngineKind, LocalDeployment } from '../engine/engine.ts';
import { backends } from '../engine/engines.ts';
import type { Profile } from '../profile/profile.ts';
import { likelyEngine } from './choose-engine.ts';
import { type ContainerSpec, imageOf, type Mount, orElse, versionOfImage } from './container.ts';
import { accessFiles } from './infra-access.ts';
import { kernelsInside } from './kernel-cache.ts';
import type { Plan, ProcessSpec } from './plan.ts';
import type { HostFacts, PlanOptions, PythonEnvironment } from './request.ts';

/** Where the embedded engine is mounted in a container: any image with Node works. */
const simFolder = '/opt/dynamo';
/** The Hugging Face cache in upstream's image. Source: `docker run` on the page "SGLang" of its documentation. */
const hubFolder = '/home/dynamo/.cache/huggingface';

/** The limits with which the documentation starts the image. Source: the same `docker run`. */
const engineLimits: ContainerSpec['limits'] = {
  shmBytes: 10 * 1024 ** 3,
  ulimits: [
    { name: 'memlock', soft: -1, hard: -1 },
    { name: 'stack', soft: 67_108_864, hard: 67_108_864 },
    { name: 'nofile', soft: 65_536, hard: 65_536 },
  ],
};

/** Variables about models and networks that a container must be passed; a process inherits them. */
const inherited =
  /^(HF_TOKEN|HUGGING_FACE_HUB_TOKEN|HF_ENDPOINT|HF_HUB_OFFLINE|TRANSFORMERS_OFFLINE|DYN_LOG|(https?|all)_proxy|(HTTPS?|ALL)_PROXY)$/;

export interface Runtime {
  readonly image: string;
  readonly kind: EngineKind;
}

/** The image for frontend and workers; `undefined` if they run outside containers. */
export function runtimeFor(
  { engine, runtime, images = {} }: Pick<PlanOptions, 'engine' | 'runtime' | 'images'>,
  device: Profile['device'],
  host: Pick<HostFacts, 'environment' | 'gpus'>,
): Runtime | undefined {
  if (runtime !== 'docker') return undefined;
  const kind = likelyEngine(engine, device, host.gpus);
  return { kind, image: imageOf(kind.image, images, host.environment) };
}

/** The host as seen inside containers of this image. Throws `unavailable` without a daemon or the image. */
export function runtimeHost(runtime: Runtime | undefined, host: HostFacts): HostFacts {
  if (runtime === undefined) return host;
  const { image, kind } = runtime;
  const { daemon, problem, images } = host.infra.containers ?? { images: {} };
  const lack = daemon === undefined ? problem : images[image]?.problem;
  if (daemon === undefined || lack !== undefined) {
    const why = lack?.words ?? 'there is no daemon';
    throw new DynamoError('unavailable', `--runtime docker: ${why}.`, {
      hint: orElse(lack?.fix, '--runtime process'),
      fields: { option: '--runtime', image },
    });
  }
  if (daemon.hostNetworkIsOwn === true) {
    throw new DynamoError(
      'unavailable',
      '--runtime docker: rootless Docker isolates its containers from the network and IPC of this host.',
      {
        hint: '--runtime process   # or Docker as root, or Podman; --infra docker works for etcd and NATS',
        fields: { option: '--runtime' },
      },
    );
  }
  return kind.python === undefined
    ? { ...host, sim: simInside(host.sim).command }
    : { ...host, python: host.python?.mounted === true ? mountedIn(image, host.python) : pythonIn(image) };
}

/** The embedded engine as a script for the image's Node, or as this program's executable file. */
function simInside([program = '', ...words]: HostFacts['sim']): { command: readonly string[]; mount: Mount } {
  const script = words.find((word) => word.endsWith('.js'));
  if (script === undefined) {
    const target = `${simFolder}/dynamo`;
    return { command: [target, ...words], mount: { source: program, target, readOnly: true } };
  }
  const slash = script.lastIndexOf('/');
  return {
    command: ['node', simFolder + script.slice(slash)],
    mount: { source: script.slice(0, slash), target: simFolder, readOnly: true },
  };
}

/** Describes the Python environment in the image. Throws `usage` if its tag does not name the version. */
function pythonIn(image: string): HostFacts['python'] {
  const dynamoVersion = versionOfImage(image);
  if (dynamoVersion === undefined) {
    throw new DynamoError(
      'usage',
      `The version of Dynamo in ${image} is unknown, and flags differ by version.`,
      {
        hint: '--image runtime=NAME:1.1.1   # or NAME:1.1.1@sha256:…; or mount a build: --python FOLDER',
        fields: { image },
      },
    );
  }
  return {
    folder: image,
    python: 'python3',
    inImage: true,
    dynamoVersion,
    backends: Object.fromEntries(backends.map(({ distribution }) => [distribution, 'of the image'])),
    torchVersion: undefined,
    because: '--runtime docker',
  };
}

/** What it does not hold is the image's. */
function mountedIn(image: string, python: PythonEnvironment): PythonEnvironment {
  const { backends: own } = python;
  const all = backends.map(({ distribution }) => [distribution, own[distribution] ?? 'of the image']);
  return {
    ...python,
    inImage: true,
    backends: Object.fromEntries(all) as PythonEnvironment['backends'],
    because: `${python.because}: ${image}`,
  };
}

/** What a container needs besides its process. */
export interface RuntimeNeeds {
  readonly engine: Pick<Engine, 'kind'>;
  readonly options: Pick<PlanOptions, 'ptrace'>;
  /** The real host. */
  readonly host: HostFacts;
  readonly deployment: Pick<LocalDeployment, 'discovery' | 'mediaFolder' | 'modelPath'>;
  readonly passes: readonly string[];
  readonly modelTarget: string | undefined;
}

/** The same process in a container on the host network: same ports, same probes. */
export function inContainer(spec: ProcessSpec, image: string, needs: RuntimeNeeds): ProcessSpec {
  const { engine, options, host, passes } = needs;
  const container: ContainerSpec = {
    image,
    user: host.infra.containers?.daemon?.user,
    workingFolder: spec.cwd,
    network: 'host',
    published: [],
    mounts: mountsFor(spec, needs),
    passes: [
      ...new Set([...Object.keys(host.environment).filter((name) => inherited.test(name)), ...passes]),
    ].toSorted(),
    gpus: spec.gpus,
    // Engines without computation pin no memory, and not every daemon may raise limits.
    limits: engine.kind.uses.includes('locked-memory') ? engineLimits : { ulimits: [] },
    init: true,
    hostIpc: true,
    capabilities: options.ptrace === true ? ['SYS_PTRACE'] : [],
  };
  return { ...spec, container, env: { ...homeVariables, ...spec.env, ...renumbered(spec) } };
}

/** The Docker daemon that runs the containers of these processes. */
export function daemonOf(specs: readonly ProcessSpec[], { infra }: HostFacts): Pick<Plan, 'docker'> {
  const daemon = infra.containers?.daemon;
  if (daemon === undefined || !specs.some(({ container }) => container !== undefined)) return {};
  const { address, certificates } = daemon;
  return { docker: { address, ...(certificates === undefined ? {} : { certificates }) } };
}

/** A user that is unknown to the image has no home and no name, but libraries need both. */
const homeVariables = { HOME: '/tmp', USER: 'dynamo', HF_HOME: hubFolder };

/** A container sees only its own GPUs, counted from 0. */
function renumbered({ gpus, env }: ProcessSpec): Record<string, string> {
  if (env.CUDA_VISIBLE_DEVICES === undefined) return {};
  return { CUDA_VISIBLE_DEVICES: gpus.map((_, i) => i).join(',') };
}

function same(path: string, readOnly: boolean): Mount {
  return { source: path, target: path, readOnly };
}

/** Each is mounted under its own path, so that arguments need no change. */
function mountsFor(
  spec: ProcessSpec,
  { engine, host, deployment, modelTarget, passes }: RuntimeNeeds,
): Mount[] {
  const { discovery, mediaFolder, modelPath } = deployment;
  const simulated = engine.kind.python === undefined;
  const local = modelPath.startsWith('/') ? modelPath : modelTarget;
  return [
    ...(simulated ? [simInside(host.sim).mount] : []),
    ...(discovery.backend === 'file' ? [same(discovery.folder, false)] : []),
    same(mediaFolder, false),
    ...(host.python?.mounted === true ? [same(host.python.folder, true)] : []),
    ...(spec.kernelFolder === undefined
      ? []
      : [{ source: spec.kernelFolder, target: kernelsInside, readOnly: false }]),
    ...(spec.cwd === host.runFolder ? [] : [same(spec.cwd, true)]),
    ...accessFiles(passes, host.environment).map((file) => same(file, true)),
    ...(simulated || local === undefined ? [] : [same(local, true)]),
    ...(simulated || local !== undefined
      ? []
      : [{ source: hubCache(host), target: hubFolder, readOnly: false }]),
  ];
}

/** The user's Hugging Face folder, which contains `hub`. */
export function hubCache({ environment }: Pick<HostFacts, 'environment'>): string {
  return environment.HF_HOME || `${environment.HOME ?? ''}/.cache/huggingface`;
}
