/** The container settings of a planned process, and what is known about containers on this host. */
import type { DaemonAddress } from '../base/identity.ts';

/** The part of a ProcessSpec that is about its container; `argv` are the words after the image. Holds no secret. */
export interface ContainerSpec {
  /** With a tag or a digest: `nats:2.11.4`, `quay.io/coreos/etcd@sha256:…`. */
  readonly image: string;
  /** `1000:1000`: user and group that access what is mounted; absent: those of the image. */
  readonly user?: string | undefined;
  readonly workingFolder?: string | undefined;
  readonly network: 'host' | 'published';
  /** With `published`: ports on the loopback address of the host, with the same numbers inside. */
  readonly published: readonly number[];
  readonly mounts: readonly Mount[];
  /** Names of variables that it inherits from the caller; their values are not stored. */
  readonly passes: readonly string[];
  /** GPUs that it may use, by index or UUID. */
  readonly gpus: readonly string[];
  readonly limits: ContainerLimits;
  /** A small init as process 1, which reaps zombies and forwards signals. */
  readonly init: boolean;
  readonly hostIpc: boolean;
  readonly capabilities: readonly string[];
}

export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ContainerLimits {
  readonly memoryBytes?: number;
  readonly shmBytes?: number;
  readonly pids?: number;
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
}

export type ImageName = 'etcd' | 'nats' | 'runtime' | 'sim' | 'prometheus' | 'tempo' | 'grafana';
export type Images = Readonly<Partial<Record<ImageName, string>>>;

/** Why something is unavailable, and one command that fixes it. */
export interface Lack {
  readonly words: string;
  readonly fix: string;
}

/** A hint that offers an option besides the fix, if there is one. */
export function orElse(fix: string | undefined, option: string): string {
  if (fix === undefined) return option;
  return `${fix}${fix.includes('   # ') ? ';' : '   #'} or: ${option}`;
}

export interface ImageFacts {
  /** Already on this host. */
  readonly present: boolean;
  /** Why it is not here and cannot be pulled. */
  readonly problem?: Lack | undefined;
}

export interface DaemonFacts extends DaemonAddress {
  readonly version: string;
  /** Why this one, for the choices of a plan. */
  readonly because: string;
  /** User and group inside a container that own the files of this user. */
  readonly user: string;
  /** Its `host` network is not that of this host: rootless Docker runs in a network namespace. */
  readonly hostNetworkIsOwn?: true;
}

/** What is known about containers; absent if none is needed. */
export interface ContainerFacts {
  readonly daemon?: DaemonFacts | undefined;
  /** Why there is none. */
  readonly problem?: Lack | undefined;
  /** The images that were checked, by reference. */
  readonly images: Readonly<Record<string, ImageFacts>>;
}

/** Those of upstream's compose file, by the names that images have here. Source: docs/upstream/launch-scripts.md#compose. */
export const infraImages = {
  etcd: { name: 'etcd', reference: 'bitnamilegacy/etcd:3.6.1' },
  nats: { name: 'nats', reference: 'nats:2.11.4' },
} as const;

/** Those of upstream's docker-observability.yml (1.6). */
export const observerImages = {
  prometheus: { name: 'prometheus', reference: 'prom/prometheus:v3.4.1' },
  tempo: { name: 'tempo', reference: 'grafana/tempo:2.8.2' },
  grafana: { name: 'grafana', reference: 'grafana/grafana:12.2.0' },
} as const;

const variables: Readonly<Record<ImageName, string>> = {
  etcd: 'DYNAMO_ETCD_IMAGE',
  nats: 'DYNAMO_NATS_IMAGE',
  runtime: 'DYNAMO_RUNTIME_IMAGE',
  sim: 'DYNAMO_SIM_IMAGE',
  prometheus: 'DYNAMO_PROMETHEUS_IMAGE',
  tempo: 'DYNAMO_TEMPO_IMAGE',
  grafana: 'DYNAMO_GRAFANA_IMAGE',
};

export const imageNames = Object.keys(variables) as readonly ImageName[];

/** From the command line, else the variable, else upstream's default. */
export function imageOf(
  { name, reference }: { readonly name: ImageName; readonly reference: string },
  asked: Images,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return asked[name] ?? (environment[variables[name]] || reference);
}

/** The tag of a reference, or the beginning of its digest. */
export function imageVersion(reference: string): string {
  return tagOf(reference) ?? /@sha256:([0-9a-f]{12})/.exec(reference)?.[1] ?? 'latest';
}

/** `1.1.1` of `name:1.1.1` and of `name:1.1.1@sha256:…`. */
export function tagOf(reference: string): string | undefined {
  return /:([^/:@]+)(?:@|$)/.exec(reference.replace(/@sha256:.*/, ''))?.[1];
}

/** `name` of `name:1.1.1`. */
export function repositoryOf(reference: string): string {
  return reference.replace(/@sha256:.*/, '').replace(/:[^:/]*$/, '');
}

/** Of Dynamo in an image of NVIDIA's, as far as its tag says it. */
export function versionOfImage(reference: string): string | undefined {
  return /^\d+\.\d+\.\d+(\.post\d+)?/.exec(tagOf(reference) ?? '')?.[0];
}

/** All containers of a daemon, including those of others. */
export interface ContainerSurvey {
  readonly daemon?: DaemonFacts | undefined;
  /** Why there is none that answers. */
  readonly problem?: Lack | undefined;
  readonly containers: readonly SeenContainer[];
}

export interface SeenContainer {
  readonly name: string;
  readonly image: string;
  /** Docker's state: `running`, `exited`. */
  readonly state: string;
  /** `127.0.0.1:2379`, of this host. */
  readonly published: readonly string[];
  /** From its labels; empty for a container that dynamo did not create. */
  readonly runId: string;
  readonly runFolder: string;
}
