/** `dynamo doctor --on kubernetes`: whether a cluster can run deployments, or the one of a profile. */
import type { Environment } from '../../base/environment.ts';
import { DynamoError } from '../../base/error.ts';
import { openProfile } from '../../deployment/load-profile.ts';
import { findCluster } from '../../kubernetes/find-cluster.ts';
import { findKubectl } from '../../kubernetes/kubectl.ts';
import type { ClusterNeeds } from '../../kubernetes/checks/cluster-check.ts';
import { clusterChecks, runClusterChecks } from '../../kubernetes/pre-checks.ts';
import { checkList, type DoctorView } from '../../view/check-list.ts';
import { fitLines, terminalWidth } from '../../view/wrap.ts';
import { styleFor } from '../../view/style.ts';
import { oneProfile } from '../operands.ts';
import { splitRawArgs } from '../operands.ts';
import { type DeploymentFlags, settingsOf } from '../up/deployment-options.ts';
import type { Configure } from '../verb.ts';
import { type ManifestFlags, requireTarget } from './manifest-options.ts';
import { addClusterOptions } from './cluster-options.ts';
import { clusterRequest } from './request.ts';

const examples = `
Examples:
  dynamo doctor --on kubernetes                       the current context and its namespace
  dynamo doctor disagg --on kubernetes --context prod --hf-secret hf-token

Exit code: 0, or 1 when a check fails (with --strict also when one warns).`;

interface DoctorFlags extends DeploymentFlags, ManifestFlags {
  readonly context?: string;
  readonly json?: true;
  readonly verbose?: true;
  readonly strict?: true;
}

export const configure: Configure = (command, settle, environment) => {
  addClusterOptions(
    command
      .argument('[profile]', 'profile, alias, upstream script or YAML file')
      .argument('[args...]', 'after --: arguments for the workers'),
  )
    .option('--json', 'as JSON on stdout')
    .option('--verbose', 'also what is ok, and how it was seen')
    .option('--strict', 'a warning counts as a failure')
    .addHelpText('after', examples)
    .action(async (_profile, _args, flags: DoctorFlags) =>
      settle(await doctor(splitRawArgs(command.args), flags, environment)),
    );
};

interface Subject {
  readonly about: string;
  readonly profile?: string;
  readonly needs?: ClusterNeeds;
  readonly planError?: NonNullable<DoctorView['planError']>;
}

async function doctor(
  words: ReturnType<typeof splitRawArgs>,
  flags: DoctorFlags,
  environment: Environment,
): Promise<number> {
  requireTarget(flags, ['timeout', 'httpPort']);
  const begin = performance.now();
  findKubectl(environment);
  const kubectl = await findCluster(flags, environment);
  const { place } = kubectl;
  const subject = await subjectOf(words, flags, kubectl, environment);
  const reports = await runClusterChecks(clusterChecks, kubectl, subject.needs);
  const checks = reports.map((report) => ({ ...report, fixed: [] }));
  const view: DoctorView = {
    about: `${subject.about} on the cluster of ${place.context === undefined ? 'this pod' : `context ${place.context}`}, namespace ${place.namespace}`,
    checks,
    tookMs: Math.round(performance.now() - begin),
    ...(subject.planError === undefined ? {} : { planError: subject.planError }),
  };
  const healthy =
    subject.planError === undefined &&
    checks.every(({ status }) => status !== 'fail' && !(flags.strict === true && status === 'warn'));
  const text =
    flags.json === true
      ? JSON.stringify(
          {
            version: 1,
            ok: healthy,
            on: { kubernetes: { context: place.context, namespace: place.namespace } },
            profile: subject.profile ?? null,
            ...view,
          },
          undefined,
          2,
        )
      : fitLines(
          checkList(view, flags.verbose === true, styleFor(process.stdout, environment)),
          terminalWidth(process.stdout),
        );
  process.stdout.write(`${text}\n`);
  return healthy ? 0 : 1;
}

/** A profile that cannot run on Kubernetes is a finding, too. */
async function subjectOf(
  { operands, rawArgs }: ReturnType<typeof splitRawArgs>,
  flags: DoctorFlags,
  kubectl: Parameters<typeof clusterRequest>[0],
  environment: Environment,
): Promise<Subject> {
  if (operands.length === 0) {
    const { hfSecret, modelCache } = flags;
    const asked = hfSecret !== undefined || modelCache !== undefined;
    const needs = { hfSecret, claim: modelCache?.claim, gpusPerPod: 1, gpus: 1, pods: 1, multinode: [] };
    return { about: 'any deployment', ...(asked ? { needs } : {}) };
  }
  const asked = await oneProfile(operands, 'doctor', environment);
  const { profile } = await openProfile(asked, settingsOf(flags), environment);
  try {
    const { needs } = await clusterRequest(kubectl, { asked, profile, flags, rawArgs, environment });
    return { about: profile.name, profile: profile.name, needs };
  } catch (error) {
    if (!(error instanceof DynamoError)) throw error;
    const { code, fields, message, details, hint } = error;
    const planError = { code, fields, message, details, ...(hint === undefined ? {} : { hint }) };
    return { about: profile.name, profile: profile.name, planError };
  }
}
