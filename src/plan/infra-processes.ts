/** Turns the choice of etcd and NATS into processes, folders and files of the plan. */
import type { Ports } from '../engine/engine.ts';
import type { ContainerSpec } from './container.ts';
import { etcd } from './etcd.ts';
import { infraNames, type InfraName, type InfraPlan, type InfraUse, type InfraUses } from './infra.ts';
import { type InfraProgram, type InfraSeat, verbosityOf } from './infra-program.ts';
import { nats } from './nats.ts';
import type { LivenessRule, ProcessSpec, RestartRule } from './plan.ts';
import type { PortPool } from './ports.ts';
import type { HostFacts } from './request.ts';

const programs: Readonly<Record<InfraName, InfraProgram>> = { etcd, nats };

/** One member with little data: both end within milliseconds, and are up within 2 s on a slow disk. */
const stopGraceMs = 5_000;
const startupTimeoutMs = 60_000;

/**
 * In the foreground, too: with its data it is as good as before, and without it real workers end with exit code 0
 * after their lease. The delays keep the first restarts well within 10 s. Source: docs/upstream/discovery.md#etcd.
 */
const restart: RestartRule = {
  policy: 'on-failure',
  maxRestarts: 5,
  windowMs: 600_000,
  firstDelayMs: 100,
  maxDelayMs: 5_000,
};

type OwnUse = InfraUse & { readonly from: 'process' | 'docker' };

/** Where a container sees its data and its file. */
const inside = { dataFolder: '/data', configFile: '/etc/dynamo.conf' };

/** One that stands still is as bad as one that is gone, and a lease of 10 s runs: within 5 s it is being replaced. */
const liveness: LivenessRule = { periodMs: 500, timeoutMs: 1_000, failureThreshold: 3, stopGraceMs: 500 };

export interface InfraWishes {
  /** Name of the data that outlives the run; without one, data go with the run. */
  readonly persist?: string | undefined;
  readonly stopTimeoutMs?: number | undefined;
}

/** The part of the plan about etcd and NATS, and the processes that are the run's own. */
export function planInfra(
  uses: InfraUses,
  wishes: InfraWishes,
  host: HostFacts,
  pool: PortPool,
): { readonly infra: InfraPlan; readonly processes: readonly ProcessSpec[] } {
  const { persist } = wishes;
  const ours = infraNames.flatMap((name) => {
    const use = uses[name];
    if (use?.from !== 'process' && use?.from !== 'docker') return [];
    return [planOne(name, use, wishes, host, pool)];
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

interface OwnInfra {
  readonly spec: ProcessSpec;
  readonly use: InfraUse;
  readonly dataFolder: string;
  readonly files: InfraPlan['files'];
}

function planOne(
  name: InfraName,
  use: OwnUse,
  { persist, stopTimeoutMs = Infinity }: InfraWishes,
  host: HostFacts,
  pool: PortPool,
): OwnInfra {
  const program = programs[name];
  const ports: Ports = Object.fromEntries(program.ports.map((port) => [port, pool.take()]));
  const base = persist === undefined ? `${host.runFolder}/infra` : `${host.infra.keptFolder}/${persist}`;
  const folders = { dataFolder: `${base}/${name}`, configFile: `${host.runFolder}/${name}.conf` };
  const seat: InfraSeat = {
    runId: host.runId,
    ports,
    verbosity: verbosityOf(host.environment.DYN_LOG),
    ...(use.from === 'process'
      ? { program: [use.path], listen: '127.0.0.1', ...folders }
      : { program: program.imageStartsIt ? [] : [name], listen: '0.0.0.0', ...inside }),
  };
  // As written inside; on this host, they lie elsewhere.
  const files = program.files(seat).map((file) => ({ ...file, path: folders.configFile }));
  const spec: ProcessSpec = {
    name,
    kind: 'infra',
    component: name,
    argv: program.argv(seat),
    ...(use.from === 'docker'
      ? { container: infraContainer(use.image, program, ports, folders, files.length > 0, host) }
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
    use: { ...use, addresses: [program.address(ports)] },
  };
}

/** The data lie in a folder of ours and not in a volume of Docker's: they go with the run, or outlive it, as any others. */
function infraContainer(
  image: string,
  program: InfraProgram,
  ports: Ports,
  folders: { readonly dataFolder: string; readonly configFile: string },
  hasFiles: boolean,
  host: HostFacts,
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
