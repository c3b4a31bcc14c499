/// <reference lib="esnext.disposable" />
/** `dynamo-launcher` as a library: the same plan, supervision and clean-up as `dynamo up`. See docs/library.md. */

export type ImageName = 'etcd' | 'nats' | 'runtime' | 'sim' | 'prometheus' | 'tempo' | 'grafana';

/** The options of `dynamo up`; durations in milliseconds. */
export interface UpOptions {
  readonly engine?: 'auto' | 'sglang' | 'mocker' | 'sim' | undefined;
  readonly model?: string | undefined;
  /** Environment with Dynamo: a folder or a python3. */
  readonly python?: string | undefined;
  /** Where frontend and workers run; default: as processes on this host. */
  readonly runtime?: 'process' | 'docker' | undefined;
  /** Images by name: `{ runtime: 'my-dynamo:1.6.1' }`. */
  readonly images?: Readonly<Partial<Record<ImageName, string>>> | undefined;
  /** With `runtime: 'docker'`: allow debuggers in the containers. */
  readonly ptrace?: boolean | undefined;
  /** Start a Prometheus and a receiver of traces beside it. */
  readonly observe?: boolean | undefined;
  /** The same, and Grafana and Tempo in containers. */
  readonly grafana?: boolean | undefined;
  /** Start NVIDIA's planner beside it; `true`: for the target of the profile. */
  readonly planner?: boolean | 'throughput' | 'latency' | 'load' | 'sla' | undefined;
  readonly requestPlane?: 'tcp' | 'nats' | undefined;
  /** Name under which the data of etcd and NATS is kept. */
  readonly persist?: string | undefined;
  /** Disk space for the logs of the run; default: 1024. */
  readonly logLimitMiB?: number | undefined;
  /**
   * Start it in the background and leave it up, or take the one that is up under that name (default: the profile's) with the
   * same profile: for test runners that watch. Only `stop` ends it, or `dynamo down`.
   */
  readonly reuse?: boolean | undefined;
  /** Name of the run; default: a unique one. */
  readonly name?: string | undefined;
  /** GPUs that may be used: indices or UUIDs. */
  readonly gpus?: readonly string[] | undefined;
  readonly httpHost?: string | undefined;
  /** Default: 8000, or the next free one. */
  readonly httpPort?: number | undefined;
  readonly infra?: 'auto' | 'process' | 'docker' | 'external' | 'none' | undefined;
  readonly discovery?: 'etcd' | 'file' | undefined;
  readonly events?: 'nats' | 'zmq' | 'none' | undefined;
  /** Parameters of the profile, or any of its keys: `{ tracing: true, 'components.decode.replicas': 2 }`. */
  readonly set?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** Number of workers per role. */
  readonly replicas?: Readonly<Record<string, number>> | undefined;
  /**
   * Used instead of `process.env`, which is otherwise read once when `up` is called, and never written: for the state folder,
   * PATH, the model hub, etcd and NATS, and inherited by every process. Each run may have its own.
   */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Additional environment variables for every process. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Arguments that are passed to the workers unchanged. */
  readonly workerArgs?: readonly string[] | undefined;
  /** How long everything may take to become ready. */
  readonly timeoutMs?: number | undefined;
  /** How long stopping may take before SIGKILL. */
  readonly stopTimeoutMs?: number | undefined;
  /** Cancels the start, or stops the run; `up` then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface RunProcess {
  readonly name: string;
  readonly kind: string;
  /** For a worker: `aggregated`, `prefill`, `decode` and so on. */
  readonly mode: string | undefined;
  readonly ports: Readonly<Record<string, number>>;
  /** Values of CUDA_VISIBLE_DEVICES. */
  readonly gpus: readonly string[];
  readonly logFile: string;
}

/** A deployment that serves. */
export interface Run extends AsyncDisposable {
  readonly runId: string;
  /** URL of the HTTP API, without `/v1`. */
  readonly url: string;
  /** Name of the model in the API. */
  readonly model: string;
  /** The engine that serves: `sglang`, `mocker` or `sim`. */
  readonly engine: string;
  /** Environment variables for clients: OPENAI_BASE_URL, OPENAI_API_KEY, OPENAI_MODEL, DYNAMO_URL and so on. */
  readonly env: Readonly<Record<string, string>>;
  /** As they are now. */
  readonly processes: readonly RunProcess[];
  /** The log of a process so far. Throws DynamoError `usage` if the run has no such process. */
  logs(process: string): string;
  /**
   * Settles when all processes have ended: with an error if the deployment failed or left something behind, with undefined if it
   * was stopped. Never rejects.
   */
  readonly ended: Promise<DynamoError | undefined>;
  /** The samples of the frontend's `/metrics` now. */
  metrics(): Promise<readonly MetricSample[]>;
  /** Restarts a process on its ports; resolves when it is ready. */
  restart(process: string): Promise<void>;
  /** Stops one process, which stays stopped until `start`. */
  stopProcess(process: string): Promise<void>;
  /** Starts a process that was stopped; resolves when it is ready. */
  start(process: string): Promise<void>;
  /**
   * Changes the number of workers by component, as `dynamo scale`: `{ decode: 3 }`. Resolves when new workers have answered and
   * old ones, which finish their requests first, are gone. If a new worker fails, it is taken back and this rejects.
   */
  scale(
    replicas: Readonly<Record<string, number>>,
    options?: { readonly timeoutMs?: number | undefined },
  ): Promise<{ readonly added: readonly string[]; readonly removed: readonly string[] }>;
  /**
   * With the name of a process, kills that one, to test what a crash does: it is restarted if the run is in the background
   * (`reuse`, `attach`), else its run ends with the error. Without, kills everything now, and verifies that it is gone.
   */
  kill(process?: string): Promise<void>;
  /** Stops everything in order and verifies it. Rejects with the error of `ended`, if any. Calling it again has no effect. */
  stop(): Promise<void>;
}

export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * A run that is up in the background (`dynamo up --detach`), by name or id; without one, the only one. The end of a block
 * with `await using` leaves it up. Rejects with DynamoError `run-not-found`.
 */
export declare const attach: (
  run?: string,
  options?: { readonly environment?: Readonly<Record<string, string | undefined>> | undefined },
) => Promise<Run>;

/**
 * Brings a profile up: its name, an alias, an upstream script or a YAML file. Resolves when it has proved that it
 * serves. Rejects with DynamoError, which is `usage` for an option that there is not or that has the wrong type; by then
 * nothing is left.
 */
export declare const up: (profile: string, options?: UpOptions) => Promise<Run>;

/**
 * Brings up the deployment of a file that `dynamo report` wrote. Options given here come first, then those that it was started
 * with. `differences`: a line for each version, GPU and model that is another one here.
 */
export declare const upFrom: (
  file: string,
  options?: UpOptions,
) => Promise<Run & { readonly differences: readonly string[] }>;

/** The values in the sentence of an error, for programs. Which an error has depends on its code; none is always there. */
export interface ErrorFields {
  readonly runId?: string;
  readonly process?: string;
  readonly pid?: number;
  readonly exitCode?: number;
  readonly signal?: string;
  /** A process that another one cannot serve without, and that ended: a scheduler of SGLang. */
  readonly lostChild?: { readonly name: string; readonly pid: number };
  /** A worker that answered health checks and did nothing: what was seen of it. */
  readonly standstill?: {
    readonly inFlight: number;
    /** Since it last showed work. */
    readonly quietMs: number;
    /** How long it was given for a request of the launcher. */
    readonly askedMs: number;
    /** The child process that does not run. */
    readonly part?: {
      readonly name: string;
      readonly pid: number;
      readonly how: 'suspended' | 'without processor time';
    };
  };
  /** Services of the run that were down at the same time. */
  readonly lostInfra?: readonly string[];
  /** How often the process had been restarted. */
  readonly restarts?: number;
  readonly logFile?: string;
  /** The rule that found the cause: docs/diagnosis.md. */
  readonly rule?: string;
  /** Components of which the frontend knows fewer workers than planned. */
  readonly missing?: readonly {
    readonly place: string;
    readonly known: number;
    readonly planned: number;
  }[];
  /** Where workers registered instead. */
  readonly unexpected?: readonly string[];
  /** In the answer to the request that proves that the deployment serves. */
  readonly completionTokens?: number;
  readonly timeoutMs?: number;
  /** Processes that are still there, as `pid (name)`. */
  readonly left?: readonly string[];
  readonly port?: number;
  /** Who has what was asked for. */
  readonly holder?: string;
  readonly address?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly key?: string;
  readonly option?: string;
  readonly asked?: string;
  readonly choices?: readonly string[];
  /** The choice that is spelled most alike. */
  readonly nearest?: string;
  readonly variable?: string;
  readonly program?: string;
  readonly version?: string;
  readonly engine?: string;
  readonly image?: string;
  /** Several runs, by id. */
  readonly runs?: readonly string[];
  /** Several processes of a run, by name. */
  readonly processes?: readonly string[];
  readonly pids?: readonly number[];
  readonly firstPort?: number;
  readonly lastPort?: number;
  readonly gpusNeeded?: number;
  /** GPUs that the run may use. */
  readonly gpusAllowed?: number;
  /** Those of them with enough free memory. */
  readonly gpusFree?: number;
  readonly neededBytes?: number;
  readonly freeBytes?: number;
  readonly limitBytes?: number;
  /** Of the kubeconfig. */
  readonly context?: string;
  /** Of Kubernetes. */
  readonly namespace?: string;
  /** Name of a DynamoGraphDeployment. */
  readonly deployment?: string;
}

/** `message` holds all that the command line would print: what happened, `details`, and `hint` after `fix: `. */
export declare class DynamoError extends Error {
  /** `process-failed`, `not-ready`, `profile-not-found`, `busy`, `environment` and so on. */
  readonly code: string;
  /** One command or edit that fixes it. */
  readonly hint: string | undefined;
  /** Further lines: the last lines of logs, code frames. */
  readonly details: readonly string[];
  readonly fields: ErrorFields;
  /** The exit code of the command line for this error. */
  readonly exitCode: number;
}
