/** `dynamo smoke`: brings profiles up, verifies each with real requests, takes them down; the exit code is the verdict. */
import type { Environment } from '../base/environment.ts';
import type { Command } from 'commander';
import { DynamoError } from '../base/error.ts';
import { wholeNumber } from './flag-values.ts';
import { addDeploymentOptions, seconds } from './up/deployment-options.ts';
import { requireLinux } from '../package/platform.ts';
import { splitRawArgs } from './raw-args.ts';
import { reportSmoke } from './smoke/reports.ts';
import { smokeForeign } from './smoke/foreign.ts';
import { smokeProfiles } from './smoke/profiles.ts';
import type { SmokeFlags } from './smoke/flags.ts';
import { type Configure, onOption } from './verb.ts';

const examples = `
Examples:
  dynamo smoke agg                                   up, every request that fits it, down
  dynamo smoke --all --engine sim --junit out.xml    every profile there is, without a GPU
  dynamo smoke disagg --artifacts logs               keeps the logs of every process
  dynamo smoke --url http://gpu7:8000                a deployment that somebody else runs
  dynamo smoke vision --url http://gpu7:8000         the same, with the requests of a profile
  dynamo smoke agg --repeat 5 --fail-fast            again and again, until it fails

Exit codes: 0 every request was answered as it must be, 1 not so, 64 bad flag, 65 bad profile,
66 no such profile, 130 Ctrl-C, 143 SIGTERM. docs/ci.md says what each request checks.`;

export const configure: Configure = (command: Command, settle, environment) => {
  addDeploymentOptions(
    command
      .argument('[profile...]', 'profiles, aliases, upstream scripts or YAML files')
      .option('--all', 'every profile there is')
      .option('--url <url>', 'smoke this deployment instead of bringing one up'),
  )
    .option('--case-timeout <seconds>', 'how long one request case may take', seconds('--case-timeout'), 300)
    .option('--fail-fast', 'try nothing more after the first failure')
    .option('--keep-on-failure', 'leave a deployment up on which a request failed')
    .option('--repeat <times>', 'everything so many times', times('--repeat'), 1)
    .option('--parallel <number>', 'so many profiles at once', times('--parallel'), 1)
    .option('--artifacts <folder>', 'keep logs, plan and events of every run there')
    .option('--junit <file>', 'JUnit XML: one suite a profile, one case a request')
    .option('--json', 'the results as JSON on stdout')
    .option('-q, --quiet', 'no progress, only the result')
    .addOption(onOption('smoke'))
    .addHelpText('after', examples)
    .action(async (_profiles, flags: SmokeFlags) =>
      settle(await smoke(splitRawArgs(command.args), flags, environment)),
    );
};

async function smoke(
  { operands, rawArgs }: ReturnType<typeof splitRawArgs>,
  flags: SmokeFlags,
  environment: Environment,
): Promise<number> {
  if (flags.url === undefined) requireLinux('smoke');
  const { suites, exitCode } =
    flags.url === undefined
      ? await smokeProfiles(operands, rawArgs, flags, environment)
      : await smokeForeign(flags.url, operands, flags, environment);
  const verdict = reportSmoke(suites, flags, environment);
  return exitCode ?? (verdict ? 0 : 1);
}

function times(flag: string): (text: string) => number {
  return (text) => {
    const count = wholeNumber(text, 1, 10_000);
    if (count !== undefined) return count;
    throw new DynamoError('usage', `${flag} ${JSON.stringify(text)}: expected a number from 1 to 10000.`, {
      hint: 'dynamo smoke --help',
    });
  };
}
