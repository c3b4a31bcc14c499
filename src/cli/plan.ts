/** `dynamo plan`: shows what `up` would do on this host, as a tree, as JSON, or as a bash script. Changes nothing. */
import type { Environment } from '../base/environment.ts';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoError } from '../base/error.ts';
import { makePlan } from '../plan/make-plan.ts';
import type { HostFacts, PlanOptions } from '../plan/request.ts';
import { runNameOf } from '../plan/run-name.ts';
import { shellScript } from '../plan/shell.ts';
import type { Profile } from '../profile/profile.ts';
import { workspaceOf } from '../run/folders.ts';
import { fitLines, terminalWidth } from '../view/wrap.ts';
import { planTree } from '../view/plan-tree.ts';
import { styleFor } from '../view/style.ts';
import {
  addDeploymentOptions,
  type DeploymentFlags,
  planOptionsOf,
  settingsOf,
} from './up/deployment-options.ts';
import { gatherFacts, placeFacts } from '../deployment/host-facts.ts';
import { factRequest } from '../deployment/prepare-run.ts';
import { noInfraFacts } from '../deployment/infra-facts.ts';
import { modelFact } from '../deployment/model-facts.ts';
import { openProfile } from '../deployment/load-profile.ts';
import { manifestYaml } from '../kubernetes/manifest.ts';
import {
  addManifestOptions,
  type AskedManifest,
  makeManifest,
  type ManifestFlags,
  requireTarget,
} from './kubernetes/manifest-options.ts';
import { oneProfile, splitRawArgs } from './operands.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo plan disagg                  show processes, ports, start order, and the reason for each choice
  dynamo plan disagg --json           print the same as JSON ("version" rises when a field changes its meaning)
  dynamo plan disagg --shell > up.sh  write a bash script that starts the same processes without dynamo
  dynamo plan disagg --on kubernetes  print a DynamoGraphDeployment, for kubectl apply --server-side -f -`;

interface PlanFlags extends DeploymentFlags, ManifestFlags {
  readonly detach?: true;
  readonly json?: true;
  readonly shell?: true;
}

export const configure: Configure = (command, settle, environment) => {
  addManifestOptions(
    addDeploymentOptions(
      command
        .argument('[profile]', 'profile, alias, upstream script or YAML file')
        .argument('[args...]', 'after --: arguments for the workers'),
    ),
  )
    .option('-d, --detach', 'plan for `up --detach`, which restarts crashed processes')
    .option('--json', 'print JSON')
    .option('--shell', 'print a bash script')
    .addHelpText('after', examples)
    .action(async (_profile, _args, flags: PlanFlags) =>
      settle(await plan(splitRawArgs(command.args), flags, environment)),
    );
};

async function plan(
  { operands, rawArgs }: ReturnType<typeof splitRawArgs>,
  flags: PlanFlags,
  environment: Environment,
): Promise<number> {
  if (flags.json === true && flags.shell === true) {
    throw new DynamoError('usage', 'Use --json or --shell, not both.', { hint: 'dynamo plan --help' });
  }
  requireTarget(flags);
  const asked = await oneProfile(operands, 'plan', environment);
  const { profile, note } = await openProfile(asked, settingsOf(flags), environment);
  if (note !== undefined) process.stderr.write(`${note}\n`);
  if (flags.on === 'kubernetes')
    return await planOnKubernetes({ asked, profile, flags, rawArgs, environment });
  const options = planOptionsOf(flags, rawArgs, flags.detach === true);
  const made = makePlan(profile, options, await factsFor(profile, options, environment));
  const text =
    flags.json === true
      ? JSON.stringify(made, undefined, 2)
      : flags.shell === true
        ? shellScript(made)
        : fitLines(planTree(made, styleFor(process.stdout, environment)), terminalWidth(process.stdout));
  process.stdout.write(`${text.trimEnd()}\n`);
  return 0;
}

/** Needs no cluster: `--api-version` says what it serves, where that is not the usual. */
async function planOnKubernetes(asked: AskedManifest & { readonly flags: PlanFlags }): Promise<number> {
  if (asked.flags.shell === true) {
    throw new DynamoError('usage', '--shell has no meaning on Kubernetes.', {
      hint: 'leave --shell out: the manifest is what starts it',
    });
  }
  const made = await makeManifest(asked);
  const text = asked.flags.json === true ? JSON.stringify(made.manifest, undefined, 2) : manifestYaml(made);
  process.stdout.write(`${text.trimEnd()}\n`);
  return 0;
}

/** A plan has no run yet, and its id says so. Except on Linux, where runs are possible, the host is not examined. */
async function factsFor(
  profile: Profile,
  options: PlanOptions,
  environment: Environment,
): Promise<HostFacts> {
  const runId = `${runNameOf(options.name, profile)}-plan`;
  if (process.platform === 'linux') {
    return await gatherFacts(workspaceOf(environment), {
      runId,
      ...factRequest(profile, options, environment),
    });
  }
  const runFolder = join(tmpdir(), 'dynamo', runId);
  return {
    ...placeFacts(environment),
    runId,
    runFolder,
    busyPorts: new Map(),
    gpus: [],
    python: undefined,
    infra: noInfraFacts,
    model: modelFact(profile.model, environment),
  };
}
