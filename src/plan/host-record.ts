/** What a host says of itself in etcd while it runs a part of a deployment; the others, and the doctor, read it. */
import { list, number, object, optional, type Shape, text } from '../base/shape.ts';
import { meetingPoint } from '../engine/targets.ts';
import { type Dialler, openPorts } from './hosts-plan.ts';
import type { HostShare, ServingPlan, WorkersPlan } from './plan.ts';

/** What a program of this version reads; later ones may add fields. */
export interface HostRecord {
  readonly runId: string;
  readonly startedAt: number;
  readonly address: string;
  readonly components: readonly string[];
  readonly engine: string;
  readonly versions: HostShare['versions'];
  readonly model: { readonly name: string; readonly config?: string };
  readonly ports: readonly RecordedPort[];
  readonly rank?: RankRecord;
}

export interface RecordedPort {
  readonly process: string;
  readonly port: number;
  readonly by: Dialler;
  readonly what: string;
}

/** Of the process of a rank. */
export interface RankRecord {
  readonly rank: number;
  /** Where its ranks meet, which names the worker. */
  readonly meet: string;
  readonly state: string;
  /** How often it was restarted. */
  readonly restarts: number;
}

const shape: Shape = object({
  runId: text,
  startedAt: number,
  address: text,
  components: list(text),
  engine: text,
  versions: object({ dynamo: optional(text), backend: optional(text) }),
  model: object({ name: text, config: optional(text) }),
  ports: list(object({ process: text, what: text, by: text, port: number })),
  rank: optional(object({ rank: number, meet: text, state: text, restarts: number })),
});

/** `undefined` for what no version of this program wrote. */
export function parseHostRecord(json: string): HostRecord | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return shape(value, 'record') === undefined ? (value as HostRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** Below the prefix that a login for Dynamo may write; upstream reads nothing there. */
export function hostRecordsKey(namespace: string): string {
  return `v1/launcher/${namespace}/hosts/`;
}

/** `config`: a digest of the model's configuration, where it is on this host. */
export function hostRecord(
  plan: (ServingPlan | WorkersPlan) & { readonly share: HostShare },
  startedAt: number,
  config: string | undefined,
): HostRecord {
  const { share, runId, engine, model, processes } = plan;
  const ranked = processes.find(({ rank }) => rank !== undefined)?.rank;
  return {
    runId,
    startedAt,
    address: share.address,
    components: share.components,
    engine,
    versions: share.versions,
    model: { name: model.servedName, ...(config === undefined ? {} : { config }) },
    ports: openPorts(processes).flatMap(({ process, port, by, what }) =>
      port === 'ephemeral' ? [] : [{ process, port, by, what }],
    ),
    ...(ranked === undefined
      ? {}
      : { rank: { rank: ranked.rank, meet: meetingPoint(ranked), state: 'pending', restarts: 0 } }),
  };
}
