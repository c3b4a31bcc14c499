/** Makes the plan of `dynamo infra up`: etcd and NATS alone, for the runs that come and go. */
import { decidingVariables } from '../engine/dynamo-variables.ts';
import type { Images } from './container.ts';
import { chooseInfra } from './choose-infra.ts';
import { planInfra } from './infra-processes.ts';
import { type InfraOnlyPlan, planVersion } from './plan.ts';
import { portPool, portRange } from './ports.ts';
import { livenessRule } from './process-spec.ts';
import type { HostFacts } from './request.ts';
import { daemonOf } from './runtime.ts';

/** Name of the run, by which everybody finds it. */
export const sharedRunName = 'infra';

/** Both write little; two parts of each log are kept. */
const maxLogBytes = 64 * 1024 * 1024;

export interface SharedInfraWishes {
  readonly infra?: 'process' | 'docker' | undefined;
  readonly images?: Images | undefined;
  /** Name under which the data outlive the run. */
  readonly persist?: string | undefined;
}

/** Throws `unavailable` when etcd or NATS is missing on this host. */
export function makeInfraPlan(wishes: SharedInfraWishes, host: HostFacts): InfraOnlyPlan {
  const { persist, images, infra: source = 'process' } = wishes;
  const why = 'dynamo infra up';
  const { uses, choices } = chooseInfra({ etcd: why, nats: why }, { infra: source, images }, host);
  const pool = portPool(host.runId, (port) => host.busyPorts.has(port), portRange(host.environment));
  const { infra, processes } = planInfra(uses, { persist }, host, pool);
  const url = infra.etcd?.addresses[0] ?? '';
  return {
    version: planVersion,
    runId: host.runId,
    name: sharedRunName,
    profile: { name: sharedRunName, file: '', description: 'etcd and NATS, shared by the runs of this user' },
    engine: 'none',
    model: { path: '', servedName: '' },
    http: { host: '127.0.0.1', port: Number(new URL(url).port), url },
    namespace: '',
    discovery: { backend: 'etcd', endpoints: infra.etcd?.addresses ?? [] },
    events: 'nats',
    nats: infra.nats?.addresses.join(','),
    infra,
    ...daemonOf(processes, host),
    runFolder: host.runFolder,
    mediaFolder: `${host.runFolder}/media`,
    choices,
    gpuUuids: [],
    processes,
    stopOrder: [processes.map(({ name }) => name)],
    expected: [],
    scrubbed: decidingVariables(host.environment),
    secrets: [],
    liveness: livenessRule(),
    maxLogBytes,
    readyTimeoutMs: 60_000,
    startupCapMs: 60_000,
  };
}
