/// <reference lib="esnext.disposable" />
/** `dynamo-launcher` as a library: the same plan, supervision and clean-up as `dynamo up`. See docs/library.md. */

/** As the options of `dynamo up`; durations in milliseconds. */
export interface UpOptions {
  readonly engine?: 'auto' | 'sglang' | 'mocker' | 'sim' | undefined;
  readonly model?: string | undefined;
  /** Name of the run; default: one that no other run has. */
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
  /** How many workers of a role. */
  readonly replicas?: Readonly<Record<string, number>> | undefined;
  /**
   * In place of `process.env`, which is read once when `up` is called and never written: where state is kept, what finds
   * programs, the model hub, etcd and NATS, and what every process inherits. Several runs may have different ones.
   */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Environment variables for every process, on top of those. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Arguments for the workers, as they are. */
  readonly workerArgs?: readonly string[] | undefined;
  /** How long everything may take to become ready. */
  readonly timeoutMs?: number | undefined;
  /** How long stopping may take before SIGKILL. */
  readonly stopTimeoutMs?: number | undefined;
  /** Gives up while it comes up, or takes it down; `up` then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface RunProcess {
  readonly name: string;
  readonly kind: string;
  /** Of a worker: `aggregated`, `prefill`, `decode` and so on. */
  readonly mode: string | undefined;
  readonly ports: Readonly<Record<string, number>>;
  /** Values of CUDA_VISIBLE_DEVICES. */
  readonly gpus: readonly string[];
  readonly logFile: string;
}

/** A deployment that serves. */
export interface Run extends AsyncDisposable {
  readonly runId: string;
  /** Of the HTTP API, without `/v1`. */
  readonly url: string;
  /** Name of the model in the API. */
  readonly model: string;
  /** What serves: `sglang`, `mocker` or `sim`. */
  readonly engine: string;
  /** What clients read: OPENAI_BASE_URL, OPENAI_API_KEY, OPENAI_MODEL, DYNAMO_URL and so on. */
  readonly env: Readonly<Record<string, string>>;
  readonly processes: readonly RunProcess[];
  /** What a process has written so far. Throws DynamoError `usage` when the run has no such process. */
  logs(process: string): string;
  /**
   * Settles when everything is gone: with the error when the deployment was lost or left something behind, with
   * undefined when it was stopped. Never rejects.
   */
  readonly ended: Promise<DynamoError | undefined>;
  /** Takes everything down in order and verifies it. Rejects as `ended` says. Calling it again changes nothing. */
  stop(): Promise<void>;
}

/**
 * Brings a profile up: its name, an alias, an upstream script or a YAML file. Resolves when it has proved that it
 * serves. Rejects with DynamoError, which is `usage` for an option that there is not or that has the wrong type; by then
 * nothing is left.
 */
export declare const up: (profile: string, options?: UpOptions) => Promise<Run>;

/** The values in the sentence of an error, for programs. Which an error has depends on its code; none is always there. */
export interface ErrorFields {
  readonly runId?: string;
  readonly process?: string;
  readonly pid?: number;
  readonly exitCode?: number;
  readonly signal?: string;
  /** A process that another one cannot serve without, and that ended: a scheduler of SGLang. */
  readonly lostChild?: { readonly name: string; readonly pid: number };
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
}

/** `message` holds all that the command line would print: what happened, `details`, and `hint` after `fix: `. */
export declare class DynamoError extends Error {
  /** `process-failed`, `not-ready`, `profile-not-found`, `busy`, `environment` and so on. */
  readonly code: string;
  /** One command or edit that fixes it. */
  readonly hint: string | undefined;
  /** Further lines: ends of logs, code frames. */
  readonly details: readonly string[];
  readonly fields: ErrorFields;
  /** What the command line would end with. */
  readonly exitCode: number;
}
