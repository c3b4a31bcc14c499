/** `dynamo exec --on kubernetes`: brings a deployment up on a cluster, runs a command against it, deletes it. */
import type { Environment } from '../../base/environment.ts';
import { constants } from 'node:os';
import { DynamoError } from '../../base/error.ts';
import { openProfile } from '../../deployment/load-profile.ts';
import { findCluster } from '../../kubernetes/find-cluster.ts';
import { cleanName } from '../../plan/run-name.ts';
import { requireProgram, type RunningCommand, startCommand } from '../../process/command.ts';
import { oneProfile } from '../operands.ts';
import { splitRawArgs } from '../operands.ts';
import { signalExitCode, watchSignals } from '../signals.ts';
import { type DeploymentFlags, settingsOf } from '../up/deployment-options.ts';
import type { Configure } from '../verb.ts';
import { bringUp, endRun, leftThere } from './bring-up.ts';
import { type ManifestFlags, requireTarget } from './manifest-options.ts';
import { addClusterOptions } from './cluster-options.ts';
import { clusterRequest } from './request.ts';

const examples = `
Examples:
  dynamo exec agg --on kubernetes -- pytest -q
  dynamo exec disagg --on kubernetes --namespace ci -- sh -c 'curl $OPENAI_BASE_URL/models'

The command gets OPENAI_BASE_URL, OPENAI_API_KEY=EMPTY, OPENAI_MODEL, DYNAMO_URL, DYNAMO_RUN, DYNAMO_PROFILE and
DYNAMO_ENGINE; the URL is a port-forward of this host. Exit codes: the command's, otherwise those of dynamo up.`;

interface ExecFlags extends DeploymentFlags, ManifestFlags {
  readonly context?: string;
  readonly quiet?: true;
  readonly verbose?: true;
}

export const configure: Configure = (command, settle, environment) => {
  addClusterOptions(
    command
      .argument('<profile>', 'profile, alias, upstream script or YAML file')
      .argument('[command...]', 'after --: the command and its arguments'),
  )
    .option('-q, --quiet', 'nothing but errors of our own')
    .option('-v, --verbose', 'show how the deployment comes up and goes down')
    .addHelpText('after', examples)
    .action(async (_profile, _command, flags: ExecFlags) =>
      settle(await exec(splitRawArgs(command.args), flags, environment)),
    );
};

async function exec(
  { operands, rawArgs: argv }: ReturnType<typeof splitRawArgs>,
  flags: ExecFlags,
  environment: Environment,
): Promise<number> {
  requireTarget(flags, ['timeout', 'httpPort']);
  const [program] = argv;
  if (program === undefined) {
    throw new DynamoError('usage', 'dynamo exec needs a command, after --.', {
      hint: `dynamo exec ${operands[0] ?? 'agg'} --on kubernetes -- pytest -q`,
    });
  }
  requireProgram(program, environment.PATH);
  const asked = await oneProfile(operands, 'exec', environment);
  const { profile } = await openProfile(asked, settingsOf(flags), environment);
  const kubectl = await findCluster(flags, environment);
  const name = flags.name ?? `exec-${cleanName(profile.name).slice(0, 12)}-${process.pid.toString(36)}`;
  const request = await clusterRequest(kubectl, {
    asked,
    profile,
    flags: { ...flags, name },
    rawArgs: [],
    environment,
  });
  const say = flags.verbose === true ? tell : () => {};
  const over = new AbortController();
  const force = new AbortController();
  let command: RunningCommand | undefined;
  const signals = watchSignals(
    (signal) => {
      if (command === undefined)
        over.abort(new DynamoError('process-failed', `${signal} came.`, { fields: { signal } }));
      else command.signal(signal);
    },
    () => {
      if (command === undefined) force.abort(leftThere(request));
      else command.signal('SIGKILL');
    },
  );
  try {
    const { run, serving } = await bringUp(kubectl, request, {
      say,
      environment,
      signal: over.signal,
      force: force.signal,
    });
    try {
      const { url } = serving.forward;
      if (flags.quiet !== true) tell(`${run.graph} is up on Kubernetes, reached at ${url}`);
      const variables = {
        ...environment,
        OPENAI_BASE_URL: `${url}/v1`,
        OPENAI_API_KEY: 'EMPTY',
        OPENAI_MODEL: run.served.model,
        DYNAMO_URL: url,
        DYNAMO_RUN: run.runId,
        DYNAMO_PROFILE: profile.name,
        DYNAMO_ENGINE: 'kubernetes',
      };
      command = await startCommand(argv, variables, () => {});
      const { code, signal } = await command.ended;
      return code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
    } finally {
      command = undefined;
      await serving.forward.end();
      await endRun(kubectl, run, { say, environment, signal: force.signal });
    }
  } catch (error) {
    if (error !== over.signal.reason) throw error;
    return signalExitCode(signals.first() ?? 'SIGTERM');
  } finally {
    signals.end();
  }
}

function tell(line: string): void {
  process.stderr.write(`dynamo: ${line}\n`);
}
