/** The one error class that users see: what failed, what was seen, one command to run, and the exit code. */

/** Every way in which a command can fail, and its exit code (from sysexits.h where one fits). */
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

/** Workers of one component, as the frontend knows them. */
export interface KnownInstances {
  /** `namespace.component.endpoint` */
  readonly place: string;
  readonly known: number;
  readonly planned: number;
}

/** What an error can say to programs: the values in its sentence. */
interface ErrorValues {
  readonly runId: string;
  readonly process: string;
  readonly pid: number;
  readonly exitCode: number;
  readonly signal: string;
  readonly lostChild: LostChild;
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
  /** Who has what was asked for, in words. */
  readonly holder: string;
  readonly address: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** In a profile: `components.decode.replicas`. */
  readonly key: string;
  /** As the user wrote it: `--engine`, or a key of an options object. */
  readonly option: string;
  /** What was asked for and is not there or not possible. */
  readonly asked: string;
  readonly choices: readonly string[];
  /** The choice that is spelled most alike. */
  readonly nearest: string;
  readonly variable: string;
  readonly program: string;
}

const ofProcess = ['runId', 'process', 'pid', 'exitCode', 'signal', 'logFile', 'rule'] as const;
const ofProof = ['missing', 'unexpected', 'completionTokens', 'timeoutMs'] as const;
const ofLoss = ['lostChild', 'lostInfra', 'restarts', 'left'] as const;
const ofUse = ['option', 'asked', 'choices', 'nearest', 'process', 'file'] as const;

/** Which values an error of a code may have. None of them is always there. */
export const errorFields = {
  'process-failed': [...ofProcess, ...ofProof, ...ofLoss, 'port', 'holder', 'file', 'address'],
  'not-ready': [...ofProcess, ...ofProof, ...ofLoss, 'port', 'holder', 'file', 'address'],
  internal: [...ofProcess, ...ofProof, ...ofLoss, 'port', 'holder', 'file', 'address'],
  'left-behind': ['runId', 'left', 'file'],
  usage: ofUse,
  'profile-invalid': ['file', 'line', 'column', 'key', 'asked', 'choices', 'nearest', 'timeoutMs'],
  'profile-not-found': ['asked', 'choices', 'nearest', 'file'],
  'run-not-found': ['asked', 'runId', 'nearest'],
  unavailable: ['runId', 'address', 'program', 'file', 'variable', 'asked', 'option'],
  'cannot-write': ['file'],
  busy: ['runId', 'pid', 'port', 'holder', 'file', 'asked'],
  'not-allowed': ['file', 'pid'],
  environment: ['program', 'variable', 'file', 'process', 'option', 'asked'],
} as const satisfies Readonly<Record<ErrorCode, readonly (keyof ErrorValues)[]>>;

export type ErrorFields<Code extends ErrorCode = ErrorCode> = Partial<
  Pick<ErrorValues, (typeof errorFields)[Code][number]>
>;

export interface ErrorDetail<Code extends ErrorCode = ErrorCode> {
  /** For programs: nobody has to read the sentence. */
  readonly fields?: ErrorFields<Code> | undefined;
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
    this.fields = fields;
    this.hint = hint;
    this.details = details;
    this.impossible = impossible;
  }

  get exitCode(): number {
    return exitCodes[this.code];
  }
}
