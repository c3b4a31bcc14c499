/** Turns the choice of etcd and NATS into processes, folders and files; and the plan of `dynamo infra up`, which has nothing else. */
import { decidingVariables } from '../engine/dynamo-variables.ts';
import { loopback, type Network, type Ports } from '../engine/engine.ts';
import { chooseInfra } from './choose-infra.ts';
import type { ContainerSpec, Images } from './container.ts';
import { etcd, type InfraProgram, type InfraContext, nats, verbosityOf } from './infra-programs.ts';
import { type InfraName, infraNames, type InfraPlan, type InfraUse, type InfraUses } from './infra.ts';
import {
  type InfraOnlyPlan,
  type LivenessRule,
  planVersion,
  type ProcessSpec,
  type RestartRule,
} from './plan.ts';
import { type PortPool, portPool, portRange } from './ports.ts';
import { livenessRule } from './process-spec.ts';
import type { HostFacts } from './request.ts';
import { daemonOf } from './runtime.ts';

const programs: Readonly<Record<InfraName, InfraProgram>> = { etcd, nats };

/** A single member with little data: it stops within milliseconds and is up within 2 s on a slow disk. */
const stopGraceMs = 5_000;
const startupTimeoutMs = 60_000;

/**
 * Also in the foreground: etcd recovers from its data, and without it real workers exit with code 0 when their lease
 * ends. The delays keep the first restarts well below 10 s. Source: docs/upstream/discovery.md#etcd.
 */
const restart: RestartRule = {
  policy: 'on-failure',
  maxRestarts: 5,
  windowMs: 600_000,
  firstDelayMs: 100,
  maxDelayMs: 5_000,
};

type OwnUse = InfraUse & { readonly from: 'process' | 'docker' };

/** The paths of its data and its configuration inside a container. */
const inside = { dataFolder: '/data', configFile: '/etc/dynamo.conf' };

/** A hung server is as bad as a dead one, and leases last 10 s: it is restarted within 5 s. */
const liveness: LivenessRule = { periodMs: 500, timeoutMs: 1_000, failureThreshold: 3, stopGraceMs: 500 };

export interface InfraOptions {
  /** Name for data that outlives the run; without it, the data is removed with the run. */
  readonly persist?: string | undefined;
  readonly stopTimeoutMs?: number | undefined;
  /** Where other hosts reach it; absent: loopback. */
  readonly network?: Network | undefined;
}

/** The part of the plan about etcd and NATS, and the processes that this run starts. */
export function planInfra(
  uses: InfraUses,
  options: InfraOptions,
  host: HostFacts,
  pool: PortPool,
): { readonly infra: InfraPlan; readonly processes: readonly ProcessSpec[] } {
  const { persist } = options;
  const ours = infraNames.flatMap((name) => {
    const use = uses[name];
    if (use?.from !== 'process' && use?.from !== 'docker') return [];
    return [planOne(name, use, { options, host, pool })];
  });
  return {
    infra: {
      ...uses,
      ...Object.fromEntries(ours.map(({ spec, use }) => [spec.name, use])),
      folders: ours.map(({ dataFolder }) => ({ path: dataFolder, kept: persist !== undefined })),
      files: ours.flatMap(({ files }) => files),
      ...(persist === undefined || ours.length === 0 ? {} : { persist }),
    },
    processes: ours.map(({ spec }) => spec),
  };
}

interface InfraRequest {
  readonly options: InfraOptions;
  readonly host: HostFacts;
  readonly pool: PortPool;
}

interface OwnInfra {
  readonly spec: ProcessSpec;
  readonly use: InfraUse;
  readonly dataFolder: string;
  readonly files: InfraPlan['files'];
}

function planOne(name: InfraName, use: OwnUse, { options, host, pool }: InfraRequest): OwnInfra {
  const { persist, stopTimeoutMs = Infinity, network = loopback } = options;
  const program = programs[name];
  const reach = network.address === loopback.address ? undefined : network.address;
  const ports: Ports = {
    ...Object.fromEntries(program.ports.map((port) => [port, pool.take()])),
    // Others have to type it.
    ...(reach === undefined || host.busyPorts.has(program.usualPort) ? {} : { client: program.usualPort }),
  };
  const base =
    persist === undefined ? `${host.runFolder}/infra` : `${host.infra.persistentFolder}/${persist}`;
  const folders = { dataFolder: `${base}/${name}`, configFile: `${host.runFolder}/${name}.conf` };
  const context: InfraContext = {
    runId: host.runId,
    ports,
    verbosity: verbosityOf(host.environment.DYN_LOG),
    ...(use.from === 'process'
      ? { program: [use.path], listen: '127.0.0.1', reach, ...folders }
      : { program: program.imageStartsIt ? [] : [name], listen: '0.0.0.0', ...inside }),
  };
  // The program is given the path inside its container; this is the path on the host.
  const files = program.files(context).map((file) => ({ ...file, path: folders.configFile }));
  const spec: ProcessSpec = {
    name,
    kind: 'infra',
    component: name,
    argv: program.argv(context),
    ...(use.from === 'docker'
      ? {
          container: infraContainer(use.image, host, { program, ports, folders, hasFiles: files.length > 0 }),
        }
      : {}),
    env: { DYNAMO_RUN_ID: host.runId, DYNAMO_PROCESS: name },
    cwd: host.runFolder,
    ports,
    gpus: [],
    dependsOn: [],
    probe: { kind: 'http', url: program.probeUrl(ports) },
    startupTimeoutMs,
    stopGraceMs: Math.min(stopGraceMs, stopTimeoutMs),
    restart,
    liveness,
    ifLost: program.ifLost,
    logFile: `${host.runFolder}/logs/${name}.log`,
  };
  return {
    spec,
    files,
    dataFolder: folders.dataFolder,
    use: { ...use, addresses: [program.address(ports, reach)] },
  };
}

interface InfraContents {
  readonly program: InfraProgram;
  readonly ports: Ports;
  readonly folders: { readonly dataFolder: string; readonly configFile: string };
  readonly hasFiles: boolean;
}

/** Data is in a folder of the run, not in a Docker volume, so that it is kept or removed as for a local process. */
function infraContainer(
  image: string,
  host: HostFacts,
  { program, ports, folders, hasFiles }: InfraContents,
): ContainerSpec {
  return {
    image,
    user: host.infra.containers?.daemon?.user,
    network: 'published',
    published: program.published.flatMap((port) => ports[port] ?? []),
    mounts: [
      { source: folders.dataFolder, target: inside.dataFolder, readOnly: false },
      ...(hasFiles ? [{ source: folders.configFile, target: inside.configFile, readOnly: true }] : []),
    ],
    passes: [],
    gpus: [],
    limits: { memoryBytes: 2 * 1024 ** 3, pids: 1024, ulimits: [] },
    init: false,
    hostIpc: false,
    capabilities: [],
  };
}

/** Name of the run, by which other runs find it. */
export const sharedRunName = 'infra';

/** Both log little; two parts of each log are kept. */
const maxLogBytes = 64 * 1024 * 1024;

export interface SharedInfraOptions {
  readonly infra?: 'process' | 'docker' | undefined;
  readonly images?: Images | undefined;
  /** Name under which data is kept after the run. */
  readonly persist?: string | undefined;
}

/** Throws `unavailable` when etcd or NATS is missing on this host. */
export function makeInfraPlan(options: SharedInfraOptions, host: HostFacts): InfraOnlyPlan {
  const { persist, images, infra: source = 'process' } = options;
  const why = 'dynamo infra up';
  const { uses, choices } = chooseInfra({ etcd: why, nats: why }, { infra: source, images }, host);
  const pool = portPool(host.runId, (port) => host.busyPorts.has(port), portRange(host.environment));
  const { infra, processes } = planInfra(uses, { persist }, host, pool);
  return {
    version: planVersion,
    runId: host.runId,
    name: sharedRunName,
    profile: { name: sharedRunName, file: '', description: 'etcd and NATS, shared by the runs of this user' },
    engine: 'none',
    infra,
    ...daemonOf(processes, host),
    runFolder: host.runFolder,
    choices,
    gpuUuids: [],
    processes,
    stopOrder: [processes.map(({ name }) => name)],
    scrubbed: decidingVariables(host.environment),
    secrets: [],
    liveness: livenessRule(),
    maxLogBytes,
    readyTimeoutMs: 60_000,
    startupCapMs: 60_000,
  };
}
