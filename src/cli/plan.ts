/** `dynamo plan`: shows what `up` would do on this host, as a tree, as JSON, or as a bash script. Changes nothing. */
import type { Environment } from '../base/environment.ts';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoError } from '../base/error.ts';
import { composeHost, composeYaml } from '../plan/compose.ts';
import { makePlan, planWithSecrets } from '../plan/make-plan.ts';
import type { HostFacts, PlanOptions } from '../plan/request.ts';
import { runNameOf } from '../plan/run-name.ts';
import { shareRules } from '../plan/shares.ts';
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
import { additions, factRequest } from '../deployment/prepare-run.ts';
import { noInfraFacts } from '../deployment/infra-facts.ts';
import { modelFact } from '../deployment/model-facts.ts';
import { openProfile } from '../deployment/load-profile.ts';
import { hostsOf, meetingOf } from './up/host-flags.ts';
import { addHostOptions, type HostFlags, withHosts } from './up/host-options.ts';
import { parseSplit, rankCommands, splitCommands } from './plan-split.ts';
import type { Split } from '../plan/hosts-plan.ts';
import { requireServing } from '../plan/plan.ts';
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
  dynamo plan disagg --compose        print a file for docker compose that works on other machines
  dynamo plan agg --nnodes 2 --set components.worker.gpus=2
      print the command of each host that runs a part of one worker
  dynamo plan disagg --on kubernetes  print a DynamoGraphDeployment, for kubectl apply --server-side -f -`;

interface PlanFlags extends DeploymentFlags, ManifestFlags, HostFlags {
  readonly split?: Split;
  readonly detach?: true;
  readonly json?: true;
  readonly shell?: true;
  readonly compose?: true;
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
    .option('-d, --detach', 'plan for `up --detach`, which restarts crashed processes')
    .option('--json', 'print JSON')
    .option('--shell', 'print a bash script')
    .option('--compose', "print a compose file of containers from NVIDIA's image, for any host with Docker")
    .option(
      '--split <component=host,...>',
      'print the command of each host, for a deployment on several',
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
  const forms = ['json', 'shell', 'compose', 'split'] as const;
  const [form, second] = forms.filter((each) => flags[each] !== undefined);
  if (second !== undefined) {
    throw new DynamoError('usage', `Use --${form} or --${second}, not both.`, {
      hint: 'dynamo plan --help',
      fields: { option: `--${second}` },
    });
  }
  requireTarget(flags);
  const asked = await oneProfile(operands, 'plan', environment);
  const { profile, note } = await openProfile(asked, settingsOf(flags), environment);
  if (note !== undefined) process.stderr.write(`${note}\n`);
  if (flags.split !== undefined) {
    requireSplitAlone(flags);
    const words = wordsWithout(['--split'], process.argv);
    process.stdout.write(`${splitCommands(profile, flags.split, words)}\n`);
    return 0;
  }
  if (flags.nnodes !== undefined && flags.nodeRank === undefined) {
    process.stdout.write(`${commandsOfRanks(profile, flags)}\n`);
    return 0;
  }
  const request = { asked, profile, flags, rawArgs, environment };
  const text =
    flags.on === 'kubernetes'
      ? await planOnKubernetes(request)
      : form === 'compose'
        ? planForCompose(request)
        : await planHere(request);
  process.stdout.write(`${text.trimEnd()}\n`);
  return 0;
}

interface PlanRequest extends AskedManifest {
  readonly flags: PlanFlags;
}

async function planHere({ profile, flags, rawArgs, environment }: PlanRequest): Promise<string> {
  const options = await withHosts(planOptionsOf(flags, rawArgs, flags.detach === true), flags);
  const observed = await additions(profile, options, environment);
  const facts = await factsFor(profile, options, environment);
  const shares = await shareRules(options);
  const { plan: made } = observed((host) => planWithSecrets(profile, options, host, shares), facts);
  if (flags.json === true) return JSON.stringify(made, undefined, 2);
  if (flags.shell === true) return shellScript(requireServing(made));
  return fitLines(planTree(made, styleFor(process.stdout, environment)), terminalWidth(process.stdout));
}

/** Needs no cluster: `--api-version` names the API version if the cluster does not serve the usual one. */
async function planOnKubernetes(request: PlanRequest): Promise<string> {
  const { json, shell, compose } = request.flags;
  if (shell === true || compose === true) {
    const flag = shell === true ? '--shell' : '--compose';
    throw new DynamoError('usage', `${flag} has no meaning on Kubernetes.`, {
      hint: `leave ${flag} out: the manifest is what starts it`,
      fields: { option: flag },
    });
  }
  const made = await makeManifest(request);
  return json === true ? JSON.stringify(made.manifest, undefined, 2) : manifestYaml(made);
}

/** Options whose values depend on this machine or on a run. */
const notInCompose = { python: '--python', runtime: '--runtime', persist: '--persist' } as const;

function planForCompose({ profile, flags, rawArgs, environment }: PlanRequest): string {
  const options = planOptionsOf(flags, rawArgs, true);
  const given = Object.entries(notInCompose).find(
    ([key]) => flags[key as keyof typeof notInCompose] !== undefined,
  );
  if (given !== undefined)
    throw new DynamoError('usage', `${given[1]} has no meaning with --compose.`, {
      hint: `leave ${given[1]} out`,
      fields: { option: given[1] },
    });
  const [uid = 1000, gid = 1000] = [process.getuid?.(), process.getgid?.()];
  const host = composeHost(placeFacts(environment), runNameOf(options.name, profile), `${uid}:${gid}`);
  return composeYaml(makePlan(profile, { ...options, runtime: 'docker' }, host));
}

/** Options that `--split` determines cannot be given with it. */
function requireSplitAlone(flags: PlanFlags): void {
  requireWithout('--split', flags, { only: '--only', join: '--join', advertise: '--advertise', on: '--on' });
}

/** Without `--node-rank`, `--nnodes` asks for the commands of all hosts. */
function commandsOfRanks(profile: Profile, flags: PlanFlags): string {
  const forms = { json: '--json', shell: '--shell', compose: '--compose' };
  requireWithout('--nnodes', flags, { ...forms, split: '--split', advertise: '--advertise', on: '--on' });
  const { nnodes: _nnodes, distInitAddr: _distInitAddr, ...shared } = flags;
  const hosts = hostsOf(shared);
  const request = { ...meetingOf(flags), only: hosts.only, joins: hosts.join !== undefined };
  return rankCommands(profile, request, wordsWithout(['--nnodes', '--dist-init-addr'], process.argv));
}

function requireWithout(
  form: string,
  flags: PlanFlags,
  others: Readonly<Partial<Record<keyof PlanFlags, string>>>,
): void {
  const given = Object.entries(others).find(([key]) => flags[key as keyof PlanFlags] !== undefined);
  if (given === undefined) return;
  throw new DynamoError('usage', `Use ${form} or ${given[1]}, not both.`, {
    hint: 'dynamo plan --help',
    fields: { option: given[1] },
  });
}

/** The arguments of `plan` as they were given, for a command that means the same. These `flags` take a value. */
function wordsWithout(flags: readonly string[], argv: readonly string[]): string[] {
  const words = argv.slice(argv.indexOf('plan') + 1);
  return words.filter(
    (word, i) =>
      !flags.includes(words[i - 1] ?? '') &&
      !flags.some((flag) => word === flag || word.startsWith(`${flag}=`)),
  );
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
