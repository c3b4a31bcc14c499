/** `up` under the name of a run that is up: what differs, and with `--replace` the change of its workers. */
import { DynamoError } from '../../base/error.ts';
import type { Environment } from '../../base/environment.ts';
import { durationText } from '../../base/duration.ts';
import { findRun } from '../../deployment/find-run.ts';
import { compareWithLive } from '../../deployment/replace-run.ts';
import { rewriteRequest } from '../../deployment/run-request.ts';
import { changeRun } from '../../deployment/scale-run.ts';
import { isServing } from '../../plan/plan.ts';
import type { PlanComparison, PlanDifference } from '../../plan/replace-plan.ts';
import type { PlanOptions } from '../../plan/request.ts';
import type { Profile } from '../../profile/profile.ts';
import { stateFolders } from '../../run/folders.ts';
import { readPlan } from '../../run/record.ts';
import { progressLines, silentProgress } from '../../view/progress.ts';
import { signalExitCode, watchSignals } from '../signals.ts';

export interface UpAgain {
  readonly profile: Profile;
  readonly options: PlanOptions;
  readonly replace: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** `error`: why the run could not be prepared. Returns an exit code; throws `error` if it is not that the run is up. */
export async function upAgain(error: unknown, asked: UpAgain, environment: Environment): Promise<number> {
  if (!(error instanceof DynamoError) || error.code !== 'busy') throw error;
  const { option, runId, asked: name } = error.fields;
  if (option !== '--name' || runId === undefined || name === undefined) throw error;
  const folders = stateFolders(environment);
  const run = findRun(folders, runId);
  const plan = run?.supervised === true ? readPlan(run.files) : undefined;
  // Its folder may be gone.
  if (run === undefined || plan === undefined || !isServing(plan)) throw error;
  const comparison = await compareWithLive({ run, plan }, asked.profile, asked.options, environment);
  const { names, templates, secrets, fixed, host } = comparison;
  const { timeoutMs } = asked.options;
  if (!asked.replace) throw alreadyUp(error, name, comparison);
  if (fixed.length > 0) throw notWhileUp(name, runId, fixed);
  const say = (line: string): void => void (asked.quiet || process.stderr.write(`${line}\n`));
  for (const line of [...comparison.differences.map(lineOf), ...countLines(name, comparison)]) say(line);
  if (names.length === 0) {
    process.stdout.write(`${name}: nothing to replace\n`);
    return 0;
  }
  const view = asked.quiet ? silentProgress : progressLines((text) => process.stderr.write(text));
  const over = new AbortController();
  const signals = watchSignals(
    () => over.abort(),
    () => {},
  );
  try {
    const report = await changeRun(
      folders,
      run,
      {
        ask: 'replace',
        names,
        templates,
        secrets,
        ...(timeoutMs === undefined ? {} : { startWithinMs: timeoutMs }),
      },
      { onEvent: view.show, signal: over.signal },
    );
    rewriteRequest(plan, { ...asked, host });
    if (asked.json) process.stdout.write(`${JSON.stringify({ runId, name, ...report }, undefined, 2)}\n`);
    else {
      const pairs = report.removed.map((old, i) => `${old} → ${report.added[i]?.name ?? 'none'}`);
      process.stdout.write(`${name}: replaced ${pairs.join(', ')}; took ${durationText(report.tookMs)}\n`);
    }
    return 0;
  } catch (failure) {
    const signal = signals.first();
    if (signal === undefined) throw failure;
    process.stderr.write(`the change goes on: dynamo events ${name}\n`);
    return signalExitCode(signal);
  } finally {
    signals.end();
  }
}

function lineOf({ of, what, from, to }: PlanDifference): string {
  return `  ${of}: ${what}: ${from} → ${to}`;
}

function countLines(name: string, { counts }: PlanComparison): string[] {
  return counts.map(
    ({ of, from, to }) => `  ${of}: ${from} of them run, not ${to}: dynamo scale ${name} ${of}=${to}`,
  );
}

function alreadyUp(error: DynamoError, name: string, comparison: PlanComparison): DynamoError {
  const { names, differences, fixed } = comparison;
  const all = [...fixed, ...differences];
  const said =
    all.length === 0
      ? ['It runs what was asked for.']
      : ['It differs from what was asked for:', ...all.map(lineOf)];
  const replaceable = names.length > 0 && fixed.length === 0;
  return new DynamoError('busy', error.message, {
    details: [...said, ...countLines(name, comparison)],
    hint: replaceable
      ? `add --replace   # restarts ${names.join(', ')} one after the other; or start another one: --name ${name}2`
      : error.hint,
    fields: { ...error.fields },
  });
}

function notWhileUp(name: string, runId: string, fixed: readonly PlanDifference[]): DynamoError {
  return new DynamoError('usage', `--replace changes only workers of ${name}, and more than those differ:`, {
    details: fixed.map(lineOf),
    hint: `dynamo down ${name}   # then start it again`,
    fields: { runId, option: '--replace' },
  });
}
