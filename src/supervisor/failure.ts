/** Says why a run failed, in the words that a user needs. */
import type { ProcessSpec } from '../plan/plan.ts';
import { DynamoError } from '../base/error.ts';
import type { Exit } from './child.ts';
import type { Failure } from './event.ts';
import { type LoadProgress, progressText } from './load.ts';

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

/** Any end that nobody asked for is a failure, also with code 0: real workers end so when they lose etcd. */
export function exitedTooEarly(spec: ProcessSpec, exit: Exit): Failure {
  return {
    code: 'process-failed',
    message: `${spec.name} ${exitText(exit)}`,
    process: spec.name,
    logFile: spec.logFile,
    exit,
  };
}

/** Names the cause that is seen from here: Dynamo's own last words are about its lease. */
export function whileLost(reason: Failure, infra: readonly string[]): Failure {
  if (infra.length === 0) return reason;
  return { ...reason, message: `${reason.message} while ${infra.join(' and ')} was lost` };
}

export function unhealthy(spec: ProcessSpec, seen: string): Failure {
  return {
    code: 'process-failed',
    message: `${spec.name} is alive but unhealthy: ${seen}`,
    process: spec.name,
    logFile: spec.logFile,
  };
}

/** How far a process had got, and how long ago that was. */
export interface LastProgress {
  readonly progress: LoadProgress;
  readonly agoMs: number;
}

/** `waitedMs`: how long it was waited in all. */
export function notReadyInTime(
  spec: ProcessSpec | undefined,
  waitedMs: number,
  lastSeen: string | undefined,
  last: LastProgress | undefined,
): Failure {
  const seconds = Math.round(waitedMs / 1000);
  const got =
    last === undefined
      ? ''
      : `; it got to ${progressText(last.progress)}, ${Math.round(last.agoMs / 1000)} s before`;
  const seen = lastSeen === undefined ? '' : `; last seen: ${lastSeen}`;
  return {
    code: 'not-ready',
    message: `${spec?.name ?? 'the deployment'} was not ready within ${seconds} s${got}${seen}`,
    hint: 'a longer wait: --timeout SECONDS',
    ...(spec === undefined ? {} : { process: spec.name, logFile: spec.logFile }),
    ...(lastSeen === undefined ? {} : { lastSeen }),
    ...(last === undefined ? {} : { progress: last.progress, progressAgoMs: last.agoMs }),
  };
}

/** The failure that an error of starting or proving means. */
export function failureOf(error: unknown): Failure {
  if (error instanceof StartFailure) return error.failure;
  if (error instanceof DynamoError) {
    return {
      // Both end with 69: something that is needed cannot be had (yet).
      code: error.code === 'not-ready' || error.code === 'unavailable' ? 'not-ready' : 'process-failed',
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    };
  }
  return {
    code: 'internal',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}
