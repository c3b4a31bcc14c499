/** Why a run failed, in words for users. */
import { messageOf, systemProblem } from '../base/error-code.ts';
import {
  DynamoError,
  type ErrorFields,
  type KnownInstances,
  type LostChild,
  type Standstill,
} from '../base/error.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import { type Exit, type Failure, type Waited, waitedText } from './events.ts';
import type { Sight } from './contracts.ts';
import { type LastProgress, progressText } from './progress.ts';

/** Carries a Failure through a promise. */
export class StartFailure extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

export function exitText(exit: Exit): string {
  if (exit.signal !== undefined) return `was ended by ${exit.signal}`;
  return `exited with code ${exit.code ?? 'unknown'}`;
}

/** Any unexpected exit is a failure, even with code 0: real workers exit with 0 when they lose etcd. */
export function exitedTooEarly(spec: ProcessSpec, exit: Exit, pid: number | undefined): Failure {
  return {
    code: 'process-failed',
    message: `${spec.name} ${exitText(exit)}`,
    process: spec.name,
    logFile: spec.logFile,
    exit,
    ...(pid === undefined ? {} : { fields: { pid } }),
  };
}

/** Names the infrastructure that was lost at that time: the worker's own last log lines only mention its lease. */
export function whileLost(reason: Failure, infra: readonly string[]): Failure {
  if (infra.length === 0) return reason;
  const message = `${reason.message} while ${infra.join(' and ')} was lost`;
  return withFields({ ...reason, message }, { lostInfra: infra });
}

/** The same failure with additional fields. */
export function withFields(failure: Failure, fields: ErrorFields): Failure {
  return { ...failure, fields: { ...failure.fields, ...fields } };
}

/** Why a running process is stopped. */
export interface Trouble {
  /** In words. */
  readonly seen: string;
  readonly lostChild?: LostChild;
  readonly standstill?: Standstill;
}

/** It was stopped while it waited for its turn to load. */
export function stoppedBeforeStart({ name }: ProcessSpec): Failure {
  return { code: 'process-failed', message: `${name} was stopped before it was started`, process: name };
}

export function unhealthy(spec: ProcessSpec, { seen, lostChild, standstill }: Trouble): Failure {
  return {
    code: 'process-failed',
    message: `${spec.name} is alive but unhealthy: ${seen}`,
    process: spec.name,
    logFile: spec.logFile,
    ...(lostChild === undefined ? {} : { fields: { lostChild } }),
    ...(standstill === undefined ? {} : { fields: { standstill } }),
  };
}

/** `0 of 1 in dynamo.backend.generate` */
export function instancesText(instances: readonly KnownInstances[]): string {
  return instances.map(({ place, known, planned }) => `${known} of ${planned} in ${place}`).join(', ');
}

/** A timeout, and what is known about it. */
export interface TimeOver {
  readonly ms: number;
  readonly countedFrom: 'its start' | 'the start of the run';
  readonly waited: Waited | undefined;
  readonly last: LastProgress | undefined;
  readonly lastSeen: Sight | undefined;
}

/** `spec`: the process that was late, if known. */
export function notReadyInTime(spec: ProcessSpec | undefined, over: TimeOver): Failure {
  const { ms, last, lastSeen, waited } = over;
  const got =
    last === undefined
      ? ''
      : `; it got to ${progressText(last.progress)}, ${Math.round(last.agoMs / 1000)} s before`;
  const seen = lastSeen === undefined ? '' : `; last seen: ${lastSeen.text}`;
  return {
    code: 'not-ready',
    message: `${spec?.name ?? 'the deployment'} was not ready within ${withinText(over)}${got}${seen}`,
    hint: 'to wait longer: --timeout SECONDS',
    ...(spec === undefined ? {} : { process: spec.name, logFile: spec.logFile }),
    ...(lastSeen === undefined ? {} : { lastSeen: lastSeen.text }),
    ...(waited === undefined ? {} : { waited }),
    ...(last === undefined ? {} : { progress: last.progress, progressAgoMs: last.agoMs }),
    fields: { timeoutMs: Math.round(ms), ...lastSeen?.fields },
  };
}

/** Shows both times if the process had to wait before it started; else it looks as if it had all that time to load. */
function withinText({ ms, countedFrom, waited }: TimeOver): string {
  const seconds = Math.round(ms / 1000);
  const wait = waitedText(waited);
  if (waited === undefined || wait === undefined) return `${seconds} s`;
  if (countedFrom === 'its start') return `${seconds} s of its start, before which it ${wait}`;
  return `${seconds} s, of which it ${wait} and had ${Math.round((ms - waited.ms) / 1000)} s to load`;
}

/** The failure for an error while starting or proving. */
export function failureOf(error: unknown): Failure {
  if (error instanceof StartFailure) return error.failure;
  if (error instanceof DynamoError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(Object.keys(error.fields).length === 0 ? {} : { fields: error.fields }),
    };
  }
  const problem = systemProblem(error);
  if (problem !== undefined) {
    const { words, fix, onDisk } = problem;
    const message = `${words}: ${messageOf(error)}`;
    const code = onDisk ? 'cannot-write' : 'environment';
    return { code, message, ...(fix === undefined ? {} : { hint: fix }) };
  }
  return {
    code: 'internal',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}
