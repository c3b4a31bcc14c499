/**
 * Writes the results for CI: JUnit XML, and GitHub's job summary with annotations. Not junit-report-builder: it depends on
 * lodash and xmlbuilder, for what these few lines do.
 */
import { type CaseResult, countOf, type SuiteResult } from './result.ts';

/** JUnit XML. Ends with a newline. `hostname` is part of every suite. */
export function junitXml(suites: readonly SuiteResult[], hostname: string): string {
  const sum = (of: (suite: SuiteResult) => number): number =>
    suites.reduce((total, suite) => total + of(suite), 0);
  const totals = {
    name: 'dynamo smoke',
    tests: sum(({ cases }) => cases.length),
    failures: sum((suite) => countOf(suite, 'failed') - errorsIn(suite)),
    errors: sum(errorsIn),
    time: seconds(sum(({ tookMs }) => tookMs)),
  };
  const lines = suites.flatMap((suite) => suiteLines(suite, hostname).map((line) => `  ${line}`));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    open('testsuites', totals),
    ...lines,
    '</testsuites>',
    '',
  ].join('\n');
}

/** A deployment that did not come up, or left something, is no failed assertion. */
function isError({ name, state }: CaseResult): boolean {
  return state === 'failed' && (name === 'up' || name === 'down');
}

function errorsIn({ cases }: SuiteResult): number {
  return cases.filter(isError).length;
}

function suiteLines(suite: SuiteResult, hostname: string): string[] {
  const { name, cases, logs, engine, model, url, runId } = suite;
  const about = {
    name,
    tests: cases.length,
    failures: countOf(suite, 'failed') - errorsIn(suite),
    errors: errorsIn(suite),
    skipped: countOf(suite, 'skipped'),
    time: seconds(suite.tookMs),
    // Without a time zone, as the schemas require.
    timestamp: suite.startedAt.slice(0, 19),
    hostname,
  };
  const facts = Object.entries({ engine, model, url, run: runId }).flatMap(([key, value]) =>
    value === undefined ? [] : [`    ${tag('property', { name: key, value })}`],
  );
  // Of a suite that passed nobody reads them, and two of them fill a page: --artifacts has them all.
  const output =
    countOf(suite, 'failed') === 0 ? [] : logs.map(({ process, text }) => `==> ${process} <==\n${text}`);
  return [
    open('testsuite', about),
    '  <properties>',
    ...facts,
    '  </properties>',
    ...cases.map((each) => `  ${caseXml(each, name)}`),
    `  <system-out>${content(output.join('\n\n'))}</system-out>`,
    '  <system-err></system-err>',
    '</testsuite>',
  ];
}

function caseXml(result: CaseResult, suite: string): string {
  const { name, state, tookMs, text } = result;
  const kind = isError(result) ? 'error' : 'failure';
  const about = { name, classname: `dynamo.smoke.${suite}`, time: seconds(tookMs) };
  if (state === 'passed') return tag('testcase', about);
  const inside =
    state === 'skipped'
      ? tag('skipped', { message: text })
      : `${open(kind, { message: text.split('\n')[0] ?? '', type: 'smoke' })}${content(text)}</${kind}>`;
  return `${open('testcase', about)}${inside}</testcase>`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

type Attributes = Readonly<Record<string, string | number>>;

function open(name: string, attributes: Attributes): string {
  const words = Object.entries(attributes).map(([key, value]) => ` ${key}="${content(String(value))}"`);
  return `<${name}${words.join('')}>`;
}

function tag(name: string, attributes: Attributes): string {
  return `${open(name, attributes).slice(0, -1)}/>`;
}

/** Characters that XML 1.0 does not allow, even escaped; logs contain many of them. */
const impossible = /(?![\t\n\r])\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu;

function content(text: string): string {
  return text
    .replaceAll(impossible, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** GitHub workflow commands, one line per failed case; empty if there are none. */
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

/** GitHub's job summary, in Markdown. Ends with a newline. */
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
