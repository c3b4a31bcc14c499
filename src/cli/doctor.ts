/** `dynamo doctor`: checks this host, and the plan of a profile when one is named. */
import { Option } from 'commander';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import type { Check } from '../doctor/check.ts';
import { type CheckReport, runChecks } from '../doctor/run-checks.ts';
import { checks } from '../doctor/table.ts';
import { fitLines, terminalWidth } from '../view/wrap.ts';
import { checkList, type DoctorView } from '../view/check-list.ts';
import { styleFor } from '../view/style.ts';
import {
  addDeploymentOptions,
  type DeploymentFlags,
  planOptionsOf,
  settingsOf,
} from './up/deployment-options.ts';
import { addHostOptions, type HostFlags, withHosts } from './up/host-options.ts';
import { hostView } from './doctor/host.ts';
import { requireLinuxAlone } from '../package/platform.ts';
import { splitRawArgs, oneProfile } from './operands.ts';
import { onOption } from './kubernetes/on-option.ts';
import type { Configure } from './verb.ts';
import { preferredHttpPort } from '../plan/ports.ts';
import { planWithSecrets } from '../plan/make-plan.ts';
import { shareRules } from '../plan/shares.ts';
import { runNameOf } from '../plan/run-name.ts';
import type { Subject } from '../doctor/host-view.ts';
import { workspaceOf } from '../run/folders.ts';
import { deploymentEnvironment, shownEnvironment } from '../deployment/infra-facts.ts';
import { gatherFacts } from '../deployment/host-facts.ts';
import { openProfile } from '../deployment/load-profile.ts';
import { factRequest } from '../deployment/prepare-run.ts';

/** For each check. */
const timeoutMs = 5_000;

const examples = `
Examples:
  dynamo doctor                       check this host
  dynamo doctor disagg                also check what disagg needs
  dynamo doctor agg --components worker --join http://10.0.0.1:2379
                                      also check the other hosts of a deployment
  dynamo doctor --only ports,D23      run two checks, by name and by id
  dynamo doctor --fix                 repair what is safe to repair, and report what was done
  dynamo doctor --json                for a bug report; secrets are removed

Exit code: 0 when no check failed, 1 when one failed (with --strict, also when one warned).`;

interface DoctorFlags extends DeploymentFlags, Omit<HostFlags, 'only'> {
  /** What `--only` is to `up`. */
  readonly components?: string;
  readonly only?: readonly Check[];
  readonly fix?: true;
  readonly json?: true;
  readonly verbose?: true;
  readonly strict?: true;
}

export const configure: Configure = (command, settle, environment) => {
  addHostOptions(
    addDeploymentOptions(
      command
        .argument('[profile]', 'profile, alias, upstream script or YAML file')
        .argument('[args...]', 'after --: arguments for the workers'),
    ),
    '--components',
  )
    .addOption(
      new Option('--only <checks>', 'run only these checks, by id or name: D06,shm').argParser(chosen),
    )
    .option('--fix', 'repair what is safe to repair')
    .option('--json', 'as JSON on stdout')
    .option('--verbose', 'also show the checks that passed, and what they saw')
    .option('--strict', 'treat warnings as failures')
    .addOption(onOption('doctor'))
    .addHelpText('after', examples)
    .action(async (_profile, _args, flags: DoctorFlags) =>
      settle(await doctor(splitRawArgs(command.args), flags, environment)),
    );
};

async function doctor(
  words: ReturnType<typeof splitRawArgs>,
  flags: DoctorFlags,
  environment: Environment,
): Promise<number> {
  requireLinuxAlone('doctor');
  const begin = performance.now();
  const diagnosed = await planForDoctor(words, flags, environment);
  const host = hostView({ ...diagnosed, caller: environment, flags });
  const options = { timeoutMs, repair: flags.fix === true };
  const reports = await runChecks(flags.only ?? checks, host, options);
  const view: DoctorView = {
    about: aboutOf(diagnosed),
    checks: reports,
    tookMs: Math.round(performance.now() - begin),
    ...(diagnosed.planError === undefined ? {} : { planError: diagnosed.planError }),
  };
  const healthy = diagnosed.planError === undefined && isHealthy(reports, flags.strict === true);
  const text =
    flags.json === true
      ? JSON.stringify(document(view, diagnosed, healthy), undefined, 2)
      : fitLines(
          checkList(view, flags.verbose === true, styleFor(process.stdout, environment)),
          terminalWidth(process.stdout),
        );
  process.stdout.write(`${text}\n`);
  return healthy ? 0 : 1;
}

function isHealthy(reports: readonly CheckReport[], strict: boolean): boolean {
  return reports.every(({ status }) => status !== 'fail' && !(strict && status === 'warn'));
}

function aboutOf({ subject }: Diagnosed): string {
  if (subject === undefined) return 'this host';
  const engine = subject.plan === undefined ? '' : ` on engine ${subject.plan.engine}`;
  return `this host, for ${subject.profile.name}${engine}`;
}

/** Documented in docs/doctor.md; `version` is raised when a field changes its meaning or is removed. */
function document(view: DoctorView, { subject }: Diagnosed, healthy: boolean): Record<string, unknown> {
  const count = (status: string): number => view.checks.filter((check) => check.status === status).length;
  return {
    version: 1,
    ok: healthy,
    profile: subject?.profile.name ?? null,
    engine: subject?.plan?.engine ?? null,
    planError: view.planError ?? null,
    counts: { fail: count('fail'), warn: count('warn'), ok: count('ok'), skip: count('skip') },
    tookMs: view.tookMs,
    checks: view.checks,
  };
}

/** Throws `usage` for an unknown check. */
function chosen(text: string): Check[] {
  const names = text.split(',').map((word) => word.trim());
  const found = names.map((name) => {
    const check = checks.find((each) => each.name === name || each.id === name.toUpperCase());
    if (check !== undefined) return check;
    const meant = nearest(
      name,
      checks.map((each) => each.name),
    );
    throw new DynamoError('usage', `There is no check ${JSON.stringify(name)}.`, {
      hint:
        meant === undefined ? 'dynamo doctor --json   # lists all checks' : `did you mean --only ${meant}?`,
      fields: { option: '--only', asked: name, nearest: meant },
    });
  });
  return [...new Set(found)];
}

interface Diagnosed {
  /** Of the deployment, without the credentials in the addresses of etcd and NATS. */
  readonly environment: Environment;
  readonly subject: Subject | undefined;
  readonly planError?: NonNullable<DoctorView['planError']>;
}

/** A bad plan is a finding and does not end the checks. Throws what `openProfile` throws: the profile must exist. */
async function planForDoctor(
  { operands, rawArgs }: ReturnType<typeof splitRawArgs>,
  flags: DoctorFlags,
  caller: Environment,
): Promise<Diagnosed> {
  let environment = shownEnvironment(caller);
  if (operands.length === 0) return { environment, subject: undefined };
  const { profile, note } = await openProfile(
    await oneProfile(operands, 'doctor', caller),
    settingsOf(flags),
    caller,
  );
  if (note !== undefined) process.stderr.write(`${note}\n`);
  const { only: _checks, components, ...hosts } = flags;
  const options = await withHosts(planOptionsOf(flags, rawArgs, false), {
    ...hosts,
    ...(components === undefined ? {} : { only: components }),
  });
  const preferred = preferredHttpPort(profile, options);
  const subject = {
    profile,
    preferredHttpPort: preferred,
    insistsOnPort: options.httpPort !== undefined,
    infra: options.infra,
    rawArgs,
  };
  try {
    const runId = `${runNameOf(options.name, profile)}-plan`;
    const request = factRequest(profile, options, caller);
    environment = deploymentEnvironment(caller, request);
    const facts = await gatherFacts(workspaceOf(caller), { runId, ...request });
    const { plan } = planWithSecrets(profile, options, facts, await shareRules(options));
    // A local folder named like a model of the hub is checked as the folder.
    return { environment, subject: { ...subject, profile: { ...profile, model: plan.model.path }, plan } };
  } catch (error) {
    if (!(error instanceof DynamoError)) throw error;
    const { code, fields, message, details, hint } = error;
    const planError = { code, fields, message, details, ...(hint === undefined ? {} : { hint }) };
    return { environment, subject: { ...subject, plan: undefined }, planError };
  }
}
