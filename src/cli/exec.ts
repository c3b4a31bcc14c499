/** `dynamo exec`: brings a deployment up, runs a command against it, takes it down; the exit code is the command's. */
import type { Environment } from '../base/environment.ts';
import type { Command } from 'commander';
import { DynamoError } from '../base/error.ts';
import { cleanName } from '../plan/run-name.ts';
import { requireProgram } from '../process/command.ts';
import { requireOwnState, workspaceOf } from '../run/folders.ts';
import {
  addDeploymentOptions,
  type DeploymentFlags,
  planOptionsOf,
  settingsOf,
} from './up/deployment-options.ts';
import { execRun } from './exec/run.ts';
import { openProfile } from '../deployment/load-profile.ts';
import { oneProfile } from './one-profile.ts';
import { requireLinux } from '../package/platform.ts';
import { splitRawArgs } from './raw-args.ts';
import { reapDeadRuns } from '../deployment/reap-run.ts';
import { type Configure, onOption } from './verb.ts';

export interface ExecFlags extends DeploymentFlags {
  readonly quiet?: true;
  readonly verbose?: true;
}

const examples = `
Examples:
  dynamo exec agg -- pytest -q
  dynamo exec disagg --engine sim -- npx vitest run
  dynamo exec agg -- sh -c 'curl $OPENAI_BASE_URL/models'

The command gets OPENAI_BASE_URL, OPENAI_API_KEY=EMPTY, OPENAI_MODEL, DYNAMO_URL, DYNAMO_RUN, DYNAMO_PROFILE,
DYNAMO_ENGINE and DYNAMO_LOGS. Signals go to it first; a second one ends everything at once.
When dynamo exec itself is killed, the command and what it started are ended with the deployment.

Exit codes: the command's (128 + n when a signal ended it), 1 when the deployment was lost meanwhile,
otherwise those of dynamo up. docs/ci.md has examples for pytest, jest and load generators.`;

export const configure: Configure = (command: Command, settle, environment) => {
  addDeploymentOptions(
    command
      .argument('<profile>', 'profile, alias, upstream script or YAML file')
      .argument('[command...]', 'after --: the command and its arguments'),
  )
    .option('-q, --quiet', 'nothing but errors of our own')
    .option('-v, --verbose', 'show how the deployment comes up and goes down')
    .addOption(onOption('exec'))
    .addHelpText('after', examples)
    .action(async (_profile, _command, flags: ExecFlags) =>
      settle(await exec(splitRawArgs(command.args), flags, environment)),
    );
};

async function exec(
  { operands, rawArgs }: ReturnType<typeof splitRawArgs>,
  flags: ExecFlags,
  environment: Environment,
): Promise<number> {
  requireLinux('exec');
  requireOwnState(environment);
  const [program] = rawArgs;
  if (program === undefined) {
    throw new DynamoError('usage', 'dynamo exec needs a command, after --.', {
      hint: `dynamo exec ${operands[0] ?? 'agg'} -- ${operands.slice(1).join(' ') || 'pytest -q'}`,
    });
  }
  requireProgram(program, environment.PATH);
  const { profile } = await openProfile(
    await oneProfile(operands, 'exec', environment),
    settingsOf(flags),
    environment,
  );
  const say = (line: string): void =>
    void (flags.quiet === true || process.stderr.write(`dynamo: ${line}\n`));
  await reapDeadRuns(workspaceOf(environment), say);
  const options = { ...planOptionsOf(flags, [], false), name: flags.name ?? ownName(profile.name) };
  return await execRun({
    profile,
    options,
    argv: rawArgs,
    say,
    verbose: flags.verbose === true,
    environment,
  });
}

/** Not the name of the `agg` that may be up, nor that of an `exec` beside this one. */
function ownName(profile: string): string {
  return `exec-${cleanName(profile).slice(0, 25)}-${process.pid.toString(36)}`;
}
