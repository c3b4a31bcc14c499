/** What GitHub shows of a smoke: annotations on the run, and a page of the job's summary. */
import { countOf, type SuiteResult } from './result.ts';

/** A workflow command for each failed case, each on a line of its own; nothing when all is well. */
export function annotations(suites: readonly SuiteResult[]): string {
  return suites
    .flatMap(({ name, cases }) =>
      cases
        .filter(({ state }) => state === 'failed')
        .map(
          (each) => `::error title=${property(`dynamo smoke: ${name} ${each.name}`)}::${data(each.text)}\n`,
        ),
    )
    .join('');
}

/** Markdown. Ends with a newline. */
export function jobSummary(suites: readonly SuiteResult[]): string {
  const rows = suites.map(
    (suite) =>
      `| ${signOf(suite)} | \`${suite.name}\` | ${suite.engine ?? ''} | ${countOf(suite, 'passed')} | ` +
      `${countOf(suite, 'failed')} | ${countOf(suite, 'skipped')} | ${(suite.tookMs / 1000).toFixed(1)} s |`,
  );
  const failures = suites.flatMap(({ name, cases }) =>
    cases
      .filter(({ state }) => state === 'failed' || (state === 'skipped' && cases.length === 1))
      .map((each) => `- \`${name}\` **${each.name}**: ${inline(each.text)}`),
  );
  return [
    '### dynamo smoke',
    '',
    '|  | profile | engine | passed | failed | skipped | took |',
    '| --- | --- | --- | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
    ...(failures.length === 0 ? [] : [...failures, '']),
  ].join('\n');
}

function signOf(suite: SuiteResult): string {
  if (countOf(suite, 'failed') > 0) return '❌';
  return countOf(suite, 'passed') > 0 ? '✅' : '⏭️';
}

function inline(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[|<>`]/g, (sign) => `\\${sign}`);
}

/** Source: GitHub's toolkit, packages/core/src/command.ts. */
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
