/** Writes a plan as a compose file: containers of NVIDIA's image on the network of the host, for people who start them without this tool. */
import { DynamoError } from '../base/error.ts';
import { findEngine } from '../engine/engines.ts';
import { merged, yamlText } from '../profile/yaml-text.ts';
import type { ContainerSpec } from './container.ts';
import { type ProcessSpec, type ServingPlan, startsAfter } from './plan.ts';
import { withSecrets } from './plan-secrets.ts';
import type { HostFacts } from './request.ts';

/** Where containers mount what they share. */
const runFolder = '/dynamo';

/** The caller's variables that select an image; all others depend on the host that will run it. */
const imageVariables = /^DYNAMO_\w+_IMAGE$/;

const gpus: HostFacts['gpus'] = Array.from({ length: 64 }, (_, index) => ({
  index,
  uuid: String(index),
  name: 'GPU',
  totalMiB: 0,
  usedMiB: 0,
}));

/**
 * The host for which a compose file is planned: it has Docker, as many GPUs as the plan uses, in order, and all ports are
 * free. `user`: user and group of the containers, such as `1000:1000`.
 */
export function composeHost(
  caller: Pick<HostFacts, 'environment' | 'cwd'>,
  runId: string,
  user: string,
): HostFacts {
  const named = Object.entries(caller.environment).filter(([name]) => imageVariables.test(name));
  return {
    environment: {
      ...Object.fromEntries(named),
      HF_HOME: '~/.cache/huggingface',
      HOME: caller.environment.HOME,
    },
    cwd: caller.cwd,
    sim: [],
    tokenizer: '',
    runId,
    runFolder,
    busyPorts: new Map(),
    gpus,
    python: undefined,
    infra: {
      binaries: {},
      external: {},
      persistentFolder: `${runFolder}/kept`,
      containers: {
        daemon: { address: '', version: '', because: '--compose', user },
        images: {},
      },
    },
  };
}

/** Throws `usage` if the image does not contain everything that the processes need. */
export function composeYaml(plan: ServingPlan): string {
  requireImage(plan);
  const services = withShared(plan.processes.map((spec) => [spec.name, service(spec, plan)]));
  const mounts = plan.processes.flatMap((spec) => mountsOf(spec, plan));
  const volumes = new Set(mounts.flatMap(({ source }) => volumeName(source, plan) ?? []));
  const configs = configsOf(plan);
  const file = {
    ...services,
    ...(configs.length === 0 ? {} : { configs: Object.fromEntries(configs) }),
    ...(volumes.size === 0
      ? {}
      : { volumes: Object.fromEntries([...volumes].map((name) => [name, sharedVolume])) }),
  };
  const sources = new Set(mounts.map(({ source }) => sourceOf(source, plan)));
  const folders = [...sources].filter((source) => /^[.~]/.test(source));
  const choices = plan.choices.filter(({ what }) => !ofTheHost.has(what));
  const width = Math.max(...choices.map(({ what }) => what.length));
  return yamlText(file, [
    `${plan.profile.name}, made by dynamo plan --compose. Answers at ${plan.http.url}.`,
    ...(folders.length === 0 ? [] : [`Before it starts: mkdir -p ${folders.join(' ')}`]),
    ...(plan.gpuUuids.length === 0 ? [] : ['GPUs are taken in their order: change device_ids for others.']),
    ...choices.map(({ what, value, because }) => `${what.padEnd(width)}  ${value}: ${because}`),
  ]);
}

function requireImage({ engine, modelLink }: ServingPlan): void {
  if (findEngine(engine)?.python === undefined) {
    throw new DynamoError('usage', `--compose: the engine ${engine} is not in NVIDIA's image.`, {
      hint: '--engine sglang',
      impossible: true,
      fields: { engine },
    });
  }
  if (modelLink === undefined) return;
  throw new DynamoError('usage', `--compose: the engine ${engine} needs a model in a folder.`, {
    hint: '--model /FOLDER   # with a tokenizer; it is mounted at the same path',
    fields: { engine },
  });
}

/** Choices whose reasons depend on the host where the plan is made. */
const ofTheHost = new Set(['engine', 'python', 'gpu']);

type Service = Readonly<Record<string, unknown>>;

/** What all services of the engine share is written once, as usual in compose files: under `x-` keys that are merged in. */
function withShared(all: readonly (readonly [name: string, service: Service])[]): Record<string, unknown> {
  const ours = all.flatMap(([, each]) => (each.network_mode === undefined ? [] : [each]));
  const environment = common(ours.map((each) => each.environment as Service));
  const shared = common(ours);
  return {
    'x-environment': environment,
    'x-container': shared,
    services: Object.fromEntries(
      all.map(([name, each]) => {
        if (each.network_mode === undefined) return [name, each];
        const own = { '<<': merged('x-environment'), ...without(each.environment as Service, environment) };
        return [name, { '<<': merged('x-container'), ...without({ ...each, environment: own }, shared) }];
      }),
    ),
  };
}

function common(all: readonly Service[]): Service {
  const [first = {}] = all;
  return Object.fromEntries(
    Object.entries(first).filter(
      ([key, value]) =>
        key !== 'environment' && all.every((each) => JSON.stringify(each[key]) === JSON.stringify(value)),
    ),
  );
}

function without(all: Service, shared: Service): Service {
  return Object.fromEntries(Object.entries(all).filter(([key]) => !(key in shared)));
}

function service(planned: ProcessSpec, plan: ServingPlan): Record<string, unknown> {
  const spec = withReferences(planned);
  const { container, argv, restart } = spec;
  if (container === undefined)
    throw new DynamoError('internal', `${spec.name} has no container.`, { fields: { process: spec.name } });
  const infra = new Set(plan.processes.flatMap(({ kind, name }) => (kind === 'infra' ? [name] : [])));
  const conditions = startsAfter(spec, plan).map(({ process, condition }) => [
    process,
    { condition: condition === 'ready' && !infra.has(process) ? 'service_healthy' : 'service_started' },
  ]);
  return {
    image: container.image,
    ...(argv.length === 0 ? {} : { command: argv.map(word) }),
    environment: environmentOf(spec, container),
    ...placeOf(container),
    ...limitsOf(container),
    ...storageOf(mountsOf(spec, plan), plan),
    ...(conditions.length === 0 ? {} : { depends_on: Object.fromEntries(conditions) }),
    healthcheck: healthcheck(spec),
    restart: restart.policy === 'on-failure' ? `on-failure:${restart.maxRestarts ?? 5}` : restart.policy,
    stop_grace_period: `${Math.ceil(spec.stopGraceMs / 1000)}s`,
    ...devicesOf(spec.gpus),
  };
}

function placeOf({
  user,
  workingFolder,
  network,
  published,
  hostIpc,
  init,
}: ContainerSpec): Record<string, unknown> {
  return {
    ...(user === undefined ? {} : { user }),
    ...(workingFolder === undefined ? {} : { working_dir: workingFolder }),
    ...(network === 'host'
      ? { network_mode: 'host' }
      : { ports: published.map((port) => `127.0.0.1:${port}:${port}`) }),
    ...(hostIpc ? { ipc: 'host' } : {}),
    ...(init ? { init } : {}),
  };
}

function limitsOf({ capabilities, limits }: ContainerSpec): Record<string, unknown> {
  const ulimits = limits.ulimits.map(({ name, soft, hard }) => [name, { soft, hard }]);
  return {
    ...(capabilities.length === 0 ? {} : { cap_add: capabilities }),
    ...(limits.memoryBytes === undefined ? {} : { mem_limit: limits.memoryBytes }),
    ...(limits.pids === undefined ? {} : { pids_limit: limits.pids }),
    ...(ulimits.length === 0 ? {} : { ulimits: Object.fromEntries(ulimits) }),
  };
}

/** Only generated images and videos go to the media folder. */
function mountsOf({ container, mode }: ProcessSpec, { mediaFolder }: ServingPlan): ContainerSpec['mounts'] {
  const isMedia = mode === 'image' || mode === 'video';
  return (container?.mounts ?? []).filter(({ source }) => isMedia || source !== mediaFolder);
}

function storageOf(all: ContainerSpec['mounts'], plan: ServingPlan): Record<string, unknown> {
  const [files, folders] = [
    all.filter(({ source }) => isConfig(source, plan)),
    all.filter(({ source }) => !isConfig(source, plan)),
  ];
  return {
    volumes: folders.map(
      (mount) => `${sourceOf(mount.source, plan)}:${mount.target}${mount.readOnly ? ':ro' : ''}`,
    ),
    ...(files.length === 0
      ? {}
      : { configs: files.map(({ source, target }) => ({ source: baseName(source), target })) }),
  };
}

function devicesOf(ids: readonly string[]): Record<string, unknown> {
  if (ids.length === 0) return {};
  const devices = [{ driver: 'nvidia', device_ids: ids, capabilities: ['gpu'] }];
  return { deploy: { resources: { reservations: { devices } } } };
}

/** The same probe as this tool's, run by the image's Python; images of etcd and NATS may have no program for it. */
function healthcheck({ probe, kind, startupTimeoutMs }: ProcessSpec): Record<string, unknown> {
  if (kind === 'infra') return { disable: true };
  const found = probe.kind === 'endpoint' ? `; assert b'"${probe.endpoint}":"ready"' in text` : '';
  const script = `import urllib.request as r; text = r.urlopen('${probe.url}', timeout=4).read()${found}`;
  return {
    test: ['CMD', 'python3', '-c', word(script)],
    interval: '5s',
    timeout: '5s',
    retries: 3,
    start_period: `${Math.ceil(startupTimeoutMs / 1000)}s`,
  };
}

/** Marks by which `clean` finds our processes; those of a compose file are not ours. */
const marks = new Set(['DYNAMO_RUN_ID', 'DYNAMO_PROCESS']);

/** Those without a value come from the shell that starts it. */
function environmentOf({ env, kind }: ProcessSpec, { passes }: ContainerSpec): Record<string, string | null> {
  const own = Object.entries(env).flatMap(([name, value]) =>
    marks.has(name) ? [] : [[name, word(value)] as const],
  );
  const passed = [...passes, ...(kind === 'infra' ? [] : ['HF_TOKEN'])].filter((name) => !(name in env));
  return { ...Object.fromEntries(passed.map((name) => [name, null])), ...Object.fromEntries(own) };
}

/** Placeholder for a secret while the rest of its word is escaped: no word of a plan contains a NUL. */
function withReferences(spec: ProcessSpec): ProcessSpec {
  const names = [...Object.values(spec.hidden?.env ?? {}), ...Object.values(spec.hidden?.argv ?? {})];
  return withSecrets(spec, Object.fromEntries(names.map((name) => [name, `\0${name}\0`])));
}

/** Escapes a text for compose; secrets become variables that the shell must set. */
function word(text: string): string {
  return text
    .replaceAll('$', () => '$$')
    .replaceAll(/\0(\w+)\0/g, (_, name: string) => `\${${name}:?is a secret and not in this file}`);
}

/** In memory and writable for every user, because a plain volume belongs to root. */
const sharedVolume = { driver_opts: { type: 'tmpfs', device: 'tmpfs', o: 'mode=1777' } };

/** Folders of the run are volumes, or are next to the file; the Hugging Face cache is the user's. */
function sourceOf(source: string, plan: ServingPlan): string {
  const kernels = source.indexOf('/dynamo/kernels/');
  if (kernels >= 0) return `~/.cache${source.slice(kernels)}`;
  return volumeName(source, plan) ?? (source === plan.mediaFolder ? './media' : source);
}

function volumeName(source: string, { discovery, infra }: ServingPlan): string | undefined {
  const isData = infra?.folders.some(({ path }) => path === source) === true;
  const isDiscovery = discovery.backend === 'file' && source === discovery.folder;
  return isData || isDiscovery ? baseName(source) : undefined;
}

function isConfig(source: string, { infra }: ServingPlan): boolean {
  return infra?.files.some(({ path }) => path === source) === true;
}

function configsOf({ infra }: ServingPlan): [name: string, config: { readonly content: string }][] {
  return (infra?.files ?? []).map(({ path, text }) => [baseName(path), { content: word(text) }]);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
