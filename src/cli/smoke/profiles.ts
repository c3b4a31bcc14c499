/** Tests profiles one after the other, or several at once, until all are done or a signal comes. */
import { join } from 'node:path';
import type { Environment } from '../../base/environment.ts';
import { messageOf } from '../../base/error-code.ts';
import { DynamoError } from '../../base/error.ts';
import { cleanName } from '../../plan/run-name.ts';
import type { Profile } from '../../profile/profile.ts';
import { requireOwnState, workspaceOf } from '../../run/folders.ts';
import type { SuiteResult } from '../../smoke/result.ts';
import { caseLine } from '../../view/smoke-table.ts';
import { styleFor } from '../../view/style.ts';
import { projectProfile } from '../operands.ts';
import { planOptionsOf, settingsOf, type DeploymentFlags } from '../up/deployment-options.ts';
import type { Reported } from '../../deployment/from-report.ts';
import { openProfile, profileNames } from '../../deployment/load-profile.ts';
import { reapDeadRuns } from '../../deployment/reap-dead-runs.ts';
import { signalExitCode, watchSignals } from '../signals.ts';
import { type SmokeJob, smokeSuite } from './suite.ts';
import { startDetachedRun, type StartedRun, startRun } from '../../deployment/start-run.ts';

export interface SmokeFlags extends DeploymentFlags {
  readonly all?: true;
  readonly from?: string;
  readonly url?: string;
  readonly caseTimeout: number;
  readonly failFast?: true;
  readonly keepOnFailure?: true;
  readonly repeat: number;
  readonly parallel: number;
  readonly artifacts?: string;
  readonly json?: true;
  readonly junit?: string;
  readonly quiet?: true;
}

export interface SmokeOutcome {
  readonly suites: readonly SuiteResult[];
  /** Set when a signal ended it. */
  readonly exitCode?: number;
}

/** Throws DynamoError for errors that are known before anything starts. */
export async function smokeProfiles(
  asked: readonly string[],
  rawArgs: readonly string[],
  flags: SmokeFlags,
  environment: Environment,
): Promise<SmokeOutcome> {
  const say = (line: string): void => void (flags.quiet === true || process.stderr.write(`${line}\n`));
  const style = styleFor(process.stderr, environment);
  const opened = await profilesFor(asked, flags, environment);
  const jobs = jobsFor(opened, rawArgs, flags);
  const over = new AbortController();
  const live = new Set<StartedRun>();
  const signals = watchSignals(
    (signal) => {
      say(`${signal}: stopping everything; press Ctrl-C again to kill everything now`);
      over.abort(new Error(`received ${signal}`));
    },
    () => live.forEach(({ supervision }) => supervision.kill()),
  );
  const rules = {
    caseTimeoutMs: flags.caseTimeout * 1000,
    failFast: flags.failFast === true,
    signal: over.signal,
    environment,
    onStart: (run: StartedRun): void => {
      live.add(run);
      for (const { report } of opened) report?.differencesTo(run.held.plan).forEach(say);
      void run.supervision.done.then(() => live.delete(run));
    },
  };
  const smokeJob = async (job: SmokeJob): Promise<SuiteResult> => {
    if (over.signal.aborted) return notRun(job, messageOf(over.signal.reason));
    const suite = await smokeSuite(job, {
      ...rules,
      onResult: (result) => say(`${job.name}  ${caseLine(result, style)}`),
    });
    const failed = suite.cases.find(({ state }) => state === 'failed');
    if (failed !== undefined && rules.failFast) over.abort(new Error(`${job.name} ${failed.name} failed`));
    return suite;
  };
  try {
    requireOwnState(environment);
    await reapDeadRuns(workspaceOf(environment), say);
    const suites = await inParallel(jobs, flags.parallel, smokeJob);
    const signal = signals.first();
    return { suites, ...(signal === undefined ? {} : { exitCode: signalExitCode(signal) }) };
  } finally {
    signals.end();
  }
}

async function namesFor(
  asked: readonly string[],
  flags: SmokeFlags,
  environment: Environment,
): Promise<readonly string[]> {
  if (flags.all !== true && asked.length > 0) return asked;
  const names = await profileNames(environment);
  if (flags.all === true && asked.length === 0) return names;
  const project = projectProfile();
  if (project !== undefined && flags.all !== true && asked.length === 0) return [project];
  throw new DynamoError(
    'usage',
    flags.all === true
      ? `dynamo smoke --all takes no profiles: ${asked.join(' ')}.`
      : 'dynamo smoke needs a profile, or --all.',
    {
      details: [`Profiles: ${names.join(', ')}`],
      hint: 'dynamo smoke agg',
      fields: { option: '--all', choices: names },
    },
  );
}

interface Opened {
  readonly profile: Profile;
  /** With `--from`. */
  readonly report?: Reported;
}

/** All profiles are read before the first one starts, so that a typo in the last one is found at once. */
async function profilesFor(
  asked: readonly string[],
  flags: SmokeFlags,
  environment: Environment,
): Promise<readonly Opened[]> {
  const settings = settingsOf(flags);
  if (flags.from !== undefined) {
    const { openReport } = await import('../../deployment/from-report.ts');
    const operands = flags.all === true ? ['--all'] : asked;
    const report = await openReport({ file: flags.from, operands, verb: 'smoke' }, settings, environment);
    return [{ profile: report.profile, report }];
  }
  const names = await namesFor(asked, flags, environment);
  return await Promise.all(names.map(async (name) => await openProfile(name, settings, environment)));
}

function jobsFor(opened: readonly Opened[], rawArgs: readonly string[], flags: SmokeFlags): SmokeJob[] {
  if (opened.length * flags.repeat > 1) refuseSharing(flags);
  return Array.from({ length: flags.repeat }, (_, round) =>
    opened.map(({ profile, report }, i): SmokeJob => {
      const name = flags.repeat === 1 ? profile.name : `${profile.name} #${round + 1}`;
      const number = round * opened.length + i;
      const own = {
        ...planOptionsOf(flags, rawArgs, false),
        name: flags.name ?? runName(profile.name, number),
      };
      return {
        name,
        profile,
        optional: flags.all === true,
        start: flags.keepOnFailure === true ? startDetachedRun : startRun,
        keepOnFailure: flags.keepOnFailure === true,
        options: report?.optionsWith(own) ?? own,
        artifactFolder:
          flags.artifacts === undefined ? undefined : join(flags.artifacts, name.replace(' #', '-')),
      };
    }),
  ).flat();
}

/** Several runs cannot share a name or a port. */
function refuseSharing(flags: SmokeFlags): void {
  const shared =
    flags.name !== undefined ? '--name' : flags.httpPort !== undefined ? '--http-port' : undefined;
  if (shared === undefined) return;
  throw new DynamoError('usage', `${shared} applies to a single run; this command starts several.`, {
    hint: `leave out ${shared}: names and free ports are chosen automatically`,
    fields: { option: shared },
  });
}

/** A name that no other run has: different from an `agg` that may be up, and from those of another `smoke`. */
function runName(profile: string, number: number): string {
  return `smoke-${cleanName(profile).slice(0, 20)}-${process.pid.toString(36)}${number === 0 ? '' : `-${number}`}`;
}

/** Runs at most `count` at a time; returns the results in the order of the jobs. */
async function inParallel<T, R>(
  jobs: readonly T[],
  count: number,
  work: (job: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...jobs.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, job] = next;
      results[index] = await work(job);
    }
  };
  await Promise.all(Array.from({ length: count }, worker));
  return results;
}

function notRun({ name }: SmokeJob, why: string): SuiteResult {
  return {
    name,
    engine: undefined,
    model: undefined,
    url: undefined,
    runId: undefined,
    startedAt: new Date().toISOString(),
    tookMs: 0,
    cases: [{ name: 'up', state: 'skipped', tookMs: 0, text: `not run: ${why}` }],
    logs: [],
  };
}
