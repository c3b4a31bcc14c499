/** `dynamo smoke`: starts profiles, tests each with real requests, stops them; the exit code is the verdict. */
import type { Command } from 'commander';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { wholeNumber } from './flag-values.ts';
import { addDeploymentOptions, seconds } from './up/deployment-options.ts';
import { requireLinux } from '../package/platform.ts';
import { splitRawArgs } from './operands.ts';
import { smokeForeign } from './smoke/foreign.ts';
import { smokeProfiles, type SmokeFlags } from './smoke/profiles.ts';
import { onOption } from './kubernetes/on-option.ts';
import type { Configure } from './verb.ts';
import { messageOf } from '../base/error-code.ts';
import { annotations, jobSummary, junitXml } from '../smoke/reports.ts';
import { countOf, type SuiteResult } from '../smoke/result.ts';
import { fitLines, terminalWidth } from '../view/wrap.ts';
import { smokeTable } from '../view/smoke-table.ts';
import { styleFor } from '../view/style.ts';

const examples = `
Examples:
  dynamo smoke agg                                   start agg, send all requests that apply, stop it
  dynamo smoke --all --engine sim --junit out.xml    test every profile, without a GPU
  dynamo smoke disagg --artifacts logs               keep the logs of every process
  dynamo smoke --from report.tar.gz                  test the deployment of a report
  dynamo smoke --url http://gpu7:8000                test a deployment that dynamo did not start
  dynamo smoke vision --url http://gpu7:8000         test it with the requests of a profile
  dynamo smoke agg --repeat 5 --fail-fast            test five times, or until a request fails

Exit codes: 0 all requests passed, 1 a request failed or none was sent, 64 bad flag, 65 bad profile,
66 no such profile, 130 Ctrl-C, 143 SIGTERM. docs/ci.md lists what each request checks.`;

export const configure: Configure = (command: Command, settle, environment) => {
  addDeploymentOptions(
    command
      .argument('[profile...]', 'profiles, aliases, upstream scripts or YAML files')
      .option('--all', 'test every profile')
      .option('--from <file>', 'test the deployment of a report of `dynamo report`')
      .option('--url <url>', 'test this deployment instead of starting one'),
  )
    .option('--case-timeout <seconds>', 'time limit for one request case', seconds('--case-timeout'), 300)
    .option('--fail-fast', 'stop after the first failure')
    .option('--keep-on-failure', 'leave a deployment up when a request failed')
    .option('--repeat <times>', 'repeat everything this many times', times('--repeat'), 1)
    .option('--parallel <number>', 'test this many profiles at once', times('--parallel'), 1)
    .option('--artifacts <folder>', 'copy logs, plan and events of every run there')
    .option('--junit <file>', 'write JUnit XML: one suite per profile, one case per request')
    .option('--json', 'print the results as JSON')
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
      fields: { option: flag, asked: text },
    });
  };
}

/** Returns whether everything that was tried passed. Throws `cannot-write`. */
export function reportSmoke(
  suites: readonly SuiteResult[],
  flags: SmokeFlags,
  environment: Environment,
): boolean {
  const count = (state: 'passed' | 'failed'): number =>
    suites.reduce((sum, suite) => sum + countOf(suite, state), 0);
  const verdict = count('failed') === 0 && count('passed') > 0;
  if (count('failed') + count('passed') === 0)
    process.stderr.write('Nothing was tested, which counts as a failure.\n');
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify({ version: 1, passed: verdict, suites }, undefined, 2)}\n`);
  } else {
    const table = smokeTable(suites, styleFor(process.stdout, environment));
    process.stdout.write(`${fitLines(table, terminalWidth(process.stdout))}\n`);
  }
  if (flags.junit !== undefined) write(flags.junit, junitXml(suites, hostname()));
  if (environment.GITHUB_ACTIONS === 'true') {
    process.stderr.write(annotations(suites));
    const summary = environment.GITHUB_STEP_SUMMARY;
    if (summary !== undefined && summary !== '') appendFileSync(summary, jobSummary(suites));
  }
  return verdict;
}

function write(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  } catch (cause) {
    throw new DynamoError('cannot-write', `${file} cannot be written: ${messageOf(cause)}.`, {
      cause,
      hint: 'dynamo smoke --junit /a/file/that/you/can/write.xml',
      fields: { file },
    });
  }
}
