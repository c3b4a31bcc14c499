/** `dynamo doctor`: checks of this host, and of a plan when a profile is named. */
import type { Environment } from '../base/environment.ts';
import { Option } from 'commander';
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import type { Check } from '../doctor/check.ts';
import { type CheckReport, runChecks } from '../doctor/run-checks.ts';
import { checks } from '../doctor/table.ts';
import { fitLines, terminalWidth } from '../view/fit-lines.ts';
import { checkList, type DoctorView } from '../view/check-list.ts';
import { styleFor } from '../view/style.ts';
import { addDeploymentOptions, type DeploymentFlags } from './up/deployment-options.ts';
import { hostView } from './doctor/host.ts';
import { type Diagnosed, planForDoctor } from './doctor/plan.ts';
import { requireLinuxAlone } from '../package/platform.ts';
import { splitRawArgs } from './raw-args.ts';
import { type Configure, onOption } from './verb.ts';

/** For each check. */
const timeoutMs = 5_000;

const examples = `
Examples:
  dynamo doctor                       this host
  dynamo doctor disagg                this host, and what disagg needs of it
  dynamo doctor --only ports,D23      two checks, by name and by id
  dynamo doctor --fix                 repairs what is safe to repair, and says what it did
  dynamo doctor --json                for a bug report: secrets are taken out

Exit code: 0, or 1 when a check fails (with --strict also when one warns).`;

export interface DoctorFlags extends DeploymentFlags {
  readonly only?: readonly Check[];
  readonly fix?: true;
  readonly json?: true;
  readonly verbose?: true;
  readonly strict?: true;
}

export const configure: Configure = (command, settle, environment) => {
  addDeploymentOptions(
    command
      .argument('[profile]', 'profile, alias, upstream script or YAML file')
      .argument('[args...]', 'after --: arguments for the workers'),
  )
    .addOption(new Option('--only <checks>', 'these checks, by id or name: D06,shm').argParser(chosen))
    .option('--fix', 'repair what is safe to repair')
    .option('--json', 'as JSON on stdout')
    .option('--verbose', 'also what is ok, and how it was seen')
    .option('--strict', 'a warning counts as a failure')
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
  const host = hostView(diagnosed, flags, environment);
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

/** Documented in docs/doctor.md; `version` is raised when a field changes its meaning or goes. */
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

/** Throws `usage` for what is no check. */
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
      hint: meant === undefined ? 'dynamo doctor --json lists them all' : `did you mean --only ${meant}?`,
    });
  });
  return [...new Set(found)];
}
