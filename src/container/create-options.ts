/** Turns a process of the plan into Docker's options to create its container. Pure. */
import type { ContainerCreateOptions } from 'dockerode';
import { type ContainerEntry, containerLabels } from '../base/identity.ts';
import type { ContainerSpec } from '../plan/container.ts';
import type { ProcessSpec } from '../plan/plan.ts';

export interface ContainerProcess extends ProcessSpec {
  readonly container: ContainerSpec;
}

/** Logs are copied to a file of the run immediately; Docker's own copy only covers the death of a supervisor. */
const dockerLog = { Type: 'json-file', Config: { 'max-size': '20m', 'max-file': '2' } };

export function containerName(runId: string, process: string): string {
  return `dynamo-${runId}-${process}`;
}

/** `environment`: the values of variables that the plan only names. */
export function createOptions(
  spec: ContainerProcess,
  entry: ContainerEntry,
  runFolder: string,
  environment: Readonly<Record<string, string | undefined>>,
) {
  const { container } = spec;
  const published = container.network === 'published' ? container.published : [];
  return {
    name: entry.container,
    Image: container.image,
    Cmd: [...spec.argv],
    Env: variablesOf(spec, environment),
    ...(container.user === undefined ? {} : { User: container.user }),
    ...(container.workingFolder === undefined ? {} : { WorkingDir: container.workingFolder }),
    Labels: {
      [containerLabels.run]: entry.runId,
      [containerLabels.process]: entry.process,
      [containerLabels.folder]: runFolder,
      [containerLabels.launch]: entry.launch,
    },
    ExposedPorts: Object.fromEntries(published.map((port) => [`${port}/tcp`, {}])),
    HostConfig: {
      // Its last lines and its exit code are read first; then we remove it, as the ledger lists it.
      AutoRemove: false,
      RestartPolicy: { Name: 'no' },
      NetworkMode: container.network === 'host' ? 'host' : 'default',
      PortBindings: Object.fromEntries(
        published.map((port) => [`${port}/tcp`, [{ HostIp: '127.0.0.1', HostPort: String(port) }]]),
      ),
      Mounts: container.mounts.map(({ source, target, readOnly }) => ({
        Type: 'bind',
        Source: source,
        Target: target,
        ReadOnly: readOnly,
      })),
      // With SELinux, our folders would need another label to be readable.
      SecurityOpt: ['label=disable'],
      Init: container.init,
      ...(container.hostIpc ? { IpcMode: 'host' } : {}),
      CapAdd: container.capabilities,
      ...limitsOf(container),
      DeviceRequests:
        container.gpus.length === 0
          ? []
          : [{ Driver: 'nvidia', DeviceIDs: [...container.gpus], Capabilities: [['gpu']] }],
      LogConfig: dockerLog,
    },
  } satisfies ContainerCreateOptions;
}

function limitsOf({ limits }: ContainerSpec) {
  return {
    ...(limits.memoryBytes === undefined ? {} : { Memory: limits.memoryBytes }),
    ...(limits.shmBytes === undefined ? {} : { ShmSize: limits.shmBytes }),
    ...(limits.pids === undefined ? {} : { PidsLimit: limits.pids }),
    Ulimits: limits.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
  };
}

function variablesOf(
  { env, container }: ContainerProcess,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const passed = container.passes.flatMap((name): [string, string][] => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value]];
  });
  return [...passed, ...Object.entries(env)].map(([name, value]) => `${name}=${value}`);
}
