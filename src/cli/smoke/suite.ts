/** Tests one profile: starts it, sends every request that applies, stops it, and keeps its logs. */
import type { Environment } from '../../base/environment.ts';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DynamoError } from '../../base/error.ts';
import { messageOf } from '../../base/error-code.ts';
import type { PlanOptions } from '../../plan/request.ts';
import type { Profile } from '../../profile/profile.ts';
import { logTail } from '../../run/log-file.ts';
import { casesFor } from '../../smoke/case-table.ts';
import type { CaseResult, SuiteResult } from '../../smoke/result.ts';
import type { RunEvent } from '../../supervisor/events.ts';
import { type CaseRules, runCases } from '../../smoke/run-cases.ts';
import { ownTarget } from '../../smoke/target.ts';
import { outcomeError, type StartedRun, type StartRun } from '../../deployment/start-run.ts';
import type { PreparedRun } from '../../deployment/tidy-up.ts';

export interface SmokeJob {
  /** As in reports. */
  readonly name: string;
  readonly profile: Profile;
  readonly options: PlanOptions;
  /** The user did not name it: skipped where this host can never run it. */
  readonly optional: boolean;
  /** Starts it in this process, or in the background so that it can stay up. */
  readonly start: StartRun;
  /** A deployment on which a request failed stays up, to be examined. */
  readonly keepOnFailure: boolean;
  /** Where logs, plan and events are copied to; absent: nowhere. */
  readonly artifactFolder: string | undefined;
}

export interface SmokeRules extends Omit<CaseRules, 'onResult'> {
  readonly onResult: (result: CaseResult) => void;
  /** Called with every run that starts, so that a second Ctrl-C can kill it. */
  readonly onStart: (run: StartedRun) => void;
  /** What deployments inherit. */
  readonly environment: Environment;
}

const capturedLines = 400;

/** Never rejects: an error becomes a result. */
export async function smokeSuite(job: SmokeJob, rules: SmokeRules): Promise<SuiteResult> {
  const startedAt = new Date().toISOString();
  const begin = performance.now();
  const cases: CaseResult[] = [];
  const record = (result: CaseResult): void => {
    cases.push(result);
    rules.onResult(result);
  };
  const gone = new AbortController();
  let run: StartedRun | undefined;
  const onEvent = (event: RunEvent): void => {
    if (event.type === 'failed') gone.abort(new Error(`the deployment failed: ${event.reason.message}`));
    if (event.type === 'run' && event.phase === 'stopping')
      gone.abort(new Error('the deployment was stopped'));
  };
  const bringUp = async (): Promise<string> => {
    rules.signal.throwIfAborted();
    run = await job.start(job.profile, job.options, onEvent, rules.environment);
    rules.onStart(run);
    return await untilReady(run, rules.signal);
  };
  const isUp = await timed('up', record, bringUp, job.optional);
  if (run !== undefined && isUp) {
    const { held, supervision } = run;
    const target = ownTarget(held.plan, job.profile);
    const signal = AbortSignal.any([rules.signal, gone.signal]);
    await runCases(casesFor(target), target, { ...rules, signal, onResult: record });
    const blamed = cases.some(({ state }) => state === 'failed');
    if (blamed && job.keepOnFailure && !signal.aborted) {
      record({
        name: 'down',
        state: 'skipped',
        tookMs: 0,
        text: `left running: dynamo down ${held.plan.runId}`,
      });
    } else
      await timed('down', record, async () => {
        supervision.stop();
        const { failure, ...outcome } = await supervision.done;
        // A case has already reported the failure; what counts here is that nothing is left.
        const counts = failure === undefined || blamed ? outcome : { ...outcome, failure };
        const error = outcomeError(counts, held.plan.runId);
        if (error !== undefined) throw error;
        return 'nothing is left';
      });
  }
  if (run !== undefined && job.artifactFolder !== undefined) keep(run.held, job.artifactFolder);
  const plan = run?.held.plan;
  return {
    name: job.name,
    engine: plan?.engine,
    model: plan?.model.servedName,
    url: plan?.http.url,
    runId: plan?.runId,
    startedAt,
    tookMs: performance.now() - begin,
    cases,
    logs: (plan?.processes ?? []).map(({ name, logFile }) => ({ process: name, text: endOf(logFile) })),
  };
}

/** Throws why it did not become ready; by then nothing of it is left, or the error says what is. */
async function untilReady({ held, supervision }: StartedRun, signal: AbortSignal): Promise<string> {
  const stop = (): void => supervision.stop();
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    const proof = await supervision.ready;
    if (proof !== undefined) return `${proof.request} answered`;
    const error = outcomeError(await supervision.done, held.plan.runId);
    throw error ?? new Error(messageOf(signal.reason ?? 'it was stopped before it was ready'));
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Runs a step as a case of its own; returns whether it passed. `optional`: skipped where it is impossible on this host. */
async function timed(
  name: string,
  record: (result: CaseResult) => void,
  step: () => Promise<string>,
  optional = false,
): Promise<boolean> {
  const begin = performance.now();
  try {
    const text = await step();
    record({ name, state: 'passed', tookMs: performance.now() - begin, text });
    return true;
  } catch (error) {
    const details = error instanceof DynamoError ? error.details : [];
    const text = [messageOf(error), ...details].join('\n');
    const state = optional && error instanceof DynamoError && error.impossible ? 'skipped' : 'failed';
    record({ name, state, tookMs: performance.now() - begin, text });
    return false;
  }
}

function endOf(logFile: string): string {
  const { lines, partial } = logTail(logFile, capturedLines);
  return [...lines, ...(partial === undefined ? [] : [partial])].join('\n');
}

function keep({ files }: PreparedRun, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const file of [files.logs, files.plan, files.events, files.supervisorLog]) {
    if (existsSync(file)) cpSync(file, join(folder, basename(file)), { recursive: true });
  }
}
