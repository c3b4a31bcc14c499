/** `dynamo plan`: what `up` would do on this host, as a tree, as JSON, or as a bash script. Changes nothing. */
import type { Environment } from '../base/environment.ts';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoError } from '../base/error.ts';
import { planWithSecrets } from '../plan/make-plan.ts';
import type { HostFacts, PlanOptions } from '../plan/request.ts';
import { runNameOf } from '../plan/run-name.ts';
import { shellScript } from '../plan/shell.ts';
import type { Profile } from '../profile/profile.ts';
import { workspaceOf } from '../run/folders.ts';
import { fitLines, terminalWidth } from '../view/fit-lines.ts';
import { planTree } from '../view/plan-tree.ts';
import { styleFor } from '../view/style.ts';
import {
  addDeploymentOptions,
  type DeploymentFlags,
  planOptionsOf,
  settingsOf,
} from './up/deployment-options.ts';
import { gatherFacts, placeFacts } from '../deployment/host-facts.ts';
import { noInfraFacts } from '../deployment/infra-facts.ts';
import { modelFact } from '../deployment/model-facts.ts';
import { openProfile } from '../deployment/load-profile.ts';
import { addHostOptions, type HostFlags, parseSplit, splitCommands } from './up/host-options.ts';
import type { Split } from '../plan/hosts.ts';
import { requireServing } from '../plan/plan.ts';
import { manifestYaml } from '../kubernetes/manifest.ts';
import {
  addManifestOptions,
  type AskedManifest,
  makeManifest,
  type ManifestFlags,
  requireTarget,
} from './kubernetes/manifest-options.ts';
import { oneProfile } from './one-profile.ts';
import { factRequest } from '../deployment/prepare-run.ts';
import { splitRawArgs } from './raw-args.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo plan disagg                  processes, ports, order, and why each choice fell so
  dynamo plan disagg --json           the same as JSON (its field "version" says when its meaning changes)
  dynamo plan disagg --shell > up.sh  a bash script that starts the same without this tool
  dynamo plan disagg --on kubernetes  a DynamoGraphDeployment, for kubectl apply --server-side -f -`;

interface PlanFlags extends DeploymentFlags, ManifestFlags, HostFlags {
  readonly split?: Split;
  readonly detach?: true;
  readonly json?: true;
  readonly shell?: true;
}

export const configure: Configure = (command, settle, environment) => {
  addHostOptions(
    addManifestOptions(
      addDeploymentOptions(
        command
          .argument('[profile]', 'profile, alias, upstream script or YAML file')
          .argument('[args...]', 'after --: arguments for the workers'),
      ),
    ),
  )
    .option('-d, --detach', 'the plan of `up --detach`, which restarts what crashes')
    .option('--json', 'as JSON on stdout')
    .option('--shell', 'as a bash script on stdout')
    .option(
      '--split <component=host,...>',
      'the command line of each host, for a deployment on several',
      parseSplit,
    )
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
    throw new DynamoError('usage', '--json and --shell exclude each other.', { hint: 'dynamo plan --help' });
  }
  requireTarget(flags);
  const asked = await oneProfile(operands, 'plan', environment);
  const { profile, note } = await openProfile(asked, settingsOf(flags), environment);
  if (note !== undefined) process.stderr.write(`${note}\n`);
  if (flags.on === 'kubernetes')
    return await planOnKubernetes({ asked, profile, flags, rawArgs, environment });
  if (flags.split !== undefined) {
    process.stdout.write(`${splitCommands(profile, flags.split, wordsWithoutSplit(process.argv))}\n`);
    return 0;
  }
  const options = planOptionsOf(flags, rawArgs, flags.detach === true);
  const made = planWithSecrets(profile, options, await factsFor(profile, options, environment)).plan;
  const text =
    flags.json === true
      ? JSON.stringify(made, undefined, 2)
      : flags.shell === true
        ? shellScript(requireServing(made))
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

/** The arguments of `plan` as they were given, for a command that means the same. */
function wordsWithoutSplit(argv: readonly string[]): string[] {
  const words = argv.slice(argv.indexOf('plan') + 1);
  const at = words.indexOf('--split');
  return words.filter((word, i) => !word.startsWith('--split') && (at < 0 || i !== at + 1));
}

/** A plan has no run yet: its id says so. Where nothing can be run, only what needs no look at the host is known. */
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
