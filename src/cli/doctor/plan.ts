/** The plan that the doctor looks at, or why there is none: a bad plan is a finding, not the end of the examination. */
import type { Environment } from '../../base/environment.ts';
import { DynamoError } from '../../base/error.ts';
import { preferredHttpPort } from '../../plan/ports.ts';
import { makePlan } from '../../plan/make-plan.ts';
import { runNameOf } from '../../plan/run-name.ts';
import type { Subject } from '../../doctor/host-view.ts';
import { workspaceOf } from '../../run/folders.ts';
import type { DoctorView } from '../../view/check-list.ts';
import { type DeploymentFlags, planOptionsOf, settingsOf } from '../up/deployment-options.ts';
import { deploymentEnvironment, shownEnvironment } from '../../deployment/infra-facts.ts';
import { gatherFacts } from '../../deployment/host-facts.ts';
import { openProfile } from '../../deployment/load-profile.ts';
import { oneProfile } from '../one-profile.ts';
import { factRequest } from '../../deployment/prepare-run.ts';
import type { splitRawArgs } from '../raw-args.ts';

export interface Diagnosed {
  /** Of the deployment: addresses of etcd and NATS are shown, what stands before the @ in them is not. */
  readonly environment: Environment;
  readonly subject: Subject | undefined;
  readonly planError?: NonNullable<DoctorView['planError']>;
}

/** Throws what `openProfile` throws: which profile is meant must be plain. */
export async function planForDoctor(
  { operands, rawArgs }: ReturnType<typeof splitRawArgs>,
  flags: DeploymentFlags,
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
  const options = planOptionsOf(flags, rawArgs, false);
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
    const wishes = factRequest(profile, options, caller);
    environment = deploymentEnvironment(caller, wishes);
    const facts = await gatherFacts(workspaceOf(caller), { runId, ...wishes });
    const plan = makePlan(profile, options, facts);
    // A folder that is named as a model of the hub would be is looked at as the folder.
    return { environment, subject: { ...subject, profile: { ...profile, model: plan.model.path }, plan } };
  } catch (error) {
    if (!(error instanceof DynamoError)) throw error;
    const { code, fields, message, details, hint } = error;
    const planError = { code, fields, message, details, ...(hint === undefined ? {} : { hint }) };
    return { environment, subject: { ...subject, plan: undefined }, planError };
  }
}
