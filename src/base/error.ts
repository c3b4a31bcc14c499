/** The one error class that users see: what failed, what was seen, one command to run, and the exit code. */

/** All kinds of errors, and their exit codes (from sysexits.h where one fits). */
export const exitCodes = {
  'process-failed': 1,
  'left-behind': 1,
  usage: 64,
  'profile-invalid': 65,
  'profile-not-found': 66,
  'run-not-found': 66,
  unavailable: 69,
  'not-ready': 69,
  internal: 70,
  'cannot-write': 73,
  busy: 75,
  'not-allowed': 77,
  environment: 78,
} as const;

export type ErrorCode = keyof typeof exitCodes;

/** A process that another one cannot serve without, and that has ended. */
export interface LostChild {
  readonly name: string;
  readonly pid: number;
}

/** A worker that answers health checks and does nothing. */
export interface Standstill {
  readonly inFlight: number;
  /** Since it last showed work. */
  readonly quietMs: number;
  /** How long it was given for a request of ours. */
  readonly askedMs: number;
  /** The child process that does not run, and how that is known. */
  readonly part?: {
    readonly name: string;
    readonly pid: number;
    readonly how: 'suspended' | 'without processor time';
  };
}

/** Workers of one component, as the frontend knows them. */
export interface KnownInstances {
  /** `namespace.component.endpoint` */
  readonly place: string;
  readonly known: number;
  readonly planned: number;
}

/** The values in the message of an error, for programs. */
interface ErrorValues {
  readonly runId: string;
  readonly process: string;
  readonly pid: number;
  readonly exitCode: number;
  readonly signal: string;
  readonly lostChild: LostChild;
  readonly standstill: Standstill;
  /** Services of the run that were down at the same time. */
  readonly lostInfra: readonly string[];
  readonly restarts: number;
  readonly logFile: string;
  /** Id of the rule of diagnosis that found the cause; docs/diagnosis.md. */
  readonly rule: string;
  /** Components of which the frontend knows fewer workers than planned. */
  readonly missing: readonly KnownInstances[];
  /** Where workers registered instead. */
  readonly unexpected: readonly string[];
  /** In the answer to the proving request. */
  readonly completionTokens: number;
  readonly timeoutMs: number;
  /** Processes that are still there, as `pid (name)`. */
  readonly left: readonly string[];
  readonly port: number;
  /** What uses the resource that was requested, in words. */
  readonly holder: string;
  readonly address: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** In a profile: `components.decode.replicas`. */
  readonly key: string;
  /** As the user wrote it: `--engine`, or a key of an options object. */
  readonly option: string;
  /** The requested value that does not exist, is invalid or is not possible. */
  readonly asked: string;
  readonly choices: readonly string[];
  /** The choice with the most similar spelling. */
  readonly nearest: string;
  readonly variable: string;
  readonly program: string;
  readonly version: string;
  readonly engine: string;
  readonly image: string;
  /** Several runs, by id. */
  readonly runs: readonly string[];
  /** Several processes of a run, by name. */
  readonly processes: readonly string[];
  readonly pids: readonly number[];
  readonly firstPort: number;
  readonly lastPort: number;
  readonly gpusNeeded: number;
  /** GPUs that the run may use. */
  readonly gpusAllowed: number;
  /** Those of them with enough free memory. */
  readonly gpusFree: number;
  readonly neededBytes: number;
  readonly freeBytes: number;
  readonly limitBytes: number;
  /** Of the kubeconfig. */
  readonly context: string;
  /** Of Kubernetes. */
  readonly namespace: string;
  /** Name of a DynamoGraphDeployment. */
  readonly deployment: string;
}

type OfProcess = 'runId' | 'process' | 'processes' | 'pid' | 'exitCode' | 'signal' | 'logFile' | 'rule';
type OfProof = 'missing' | 'unexpected' | 'completionTokens' | 'timeoutMs';
type OfLoss = 'lostChild' | 'standstill' | 'lostInfra' | 'restarts' | 'left';
type OfFailure = OfProcess | OfProof | OfLoss | 'port' | 'holder' | 'file' | 'address';
type OfCluster = 'context' | 'namespace' | 'deployment';
type OfUse = 'option' | 'asked' | 'choices' | 'nearest' | 'key' | 'variable' | 'file' | 'runId' | 'process';

/** Which values an error of a code may have. None of them is always there. */
interface FieldNames {
  'process-failed': OfFailure | 'asked' | OfCluster;
  'not-ready': OfFailure | OfCluster;
  internal: OfFailure;
  'left-behind': 'runId' | 'left' | 'pids' | 'file' | 'signal' | OfCluster;
  usage: OfUse | 'runs' | 'engine' | 'image' | 'version' | OfCluster;
  'profile-invalid': OfUse | 'line' | 'column' | 'timeoutMs' | 'processes' | OfCluster;
  'profile-not-found': OfUse;
  'run-not-found': OfUse | OfCluster;
  unavailable: OfUse | 'pid' | 'address' | 'program' | 'image' | 'timeoutMs' | 'logFile' | OfCluster;
  'cannot-write': 'file' | 'logFile' | 'neededBytes' | 'freeBytes';
  busy:
    | OfUse
    | OfCluster
    | ('pid' | 'pids' | 'port' | 'firstPort' | 'lastPort' | 'holder' | 'runs' | 'timeoutMs')
    | ('gpusNeeded' | 'gpusAllowed' | 'gpusFree');
  'not-allowed': 'file' | 'pid' | 'holder' | 'logFile' | OfCluster;
  environment:
    | OfUse
    | OfCluster
    | ('program' | 'version' | 'engine' | 'logFile' | 'firstPort' | 'lastPort')
    | ('gpusAllowed' | 'neededBytes' | 'limitBytes');
}

export type ErrorFields<Code extends ErrorCode = ErrorCode> = Partial<Pick<ErrorValues, FieldNames[Code]>>;

/** As given to an error: a value that is not known may be `undefined`. */
type GivenFields<Code extends ErrorCode> = {
  readonly [Name in keyof ErrorFields<Code>]?: ErrorFields<Code>[Name] | undefined;
};

export interface ErrorDetail<Code extends ErrorCode = ErrorCode> {
  /** For programs, which need not parse the message. */
  readonly fields?: GivenFields<Code> | undefined;
  /** One command or edit that fixes it, ready to paste. */
  readonly hint?: string | undefined;
  /** Further lines, shown below the message unchanged: code frames, log tails, tables. */
  readonly details?: readonly string[] | undefined;
  /** The request can never be met on this host with this engine, whatever is stopped or freed. */
  readonly impossible?: boolean | undefined;
  readonly cause?: unknown;
}

export class DynamoError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code;
  readonly fields: ErrorFields<Code>;
  readonly hint: string | undefined;
  readonly details: readonly string[];
  readonly impossible: boolean;

  constructor(
    code: Code,
    message: string,
    { hint, details = [], impossible = false, cause, fields = {} }: ErrorDetail<Code> = {},
  ) {
    super(message, { cause });
    this.name = 'DynamoError';
    this.code = code;
    const known = Object.entries(fields).filter(([, value]) => value !== undefined);
    this.fields = Object.fromEntries(known) as ErrorFields<Code>;
    this.hint = hint;
    this.details = details;
    this.impossible = impossible;
  }

  get exitCode(): number {
    return exitCodes[this.code];
  }
}
