/** Tells people and CI systems what a smoke found out. */
import type { Environment } from '../../base/environment.ts';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { DynamoError } from '../../base/error.ts';
import { messageOf } from '../../base/error-code.ts';
import { annotations, jobSummary, junitXml } from '../../smoke/reports.ts';
import { countOf, type SuiteResult } from '../../smoke/result.ts';
import { fitLines, terminalWidth } from '../../view/fit-lines.ts';
import { smokeTable } from '../../view/smoke-table.ts';
import { styleFor } from '../../view/style.ts';
import type { SmokeFlags } from './flags.ts';

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
    process.stderr.write('Nothing was verified, which is no success.\n');
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
    });
  }
}
