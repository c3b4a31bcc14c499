/**
 * The report that every CI system reads: JUnit XML, one suite a profile, one case a request.
 * Not junit-report-builder: it depends on lodash and xmlbuilder, for what these few lines do.
 */
import { type CaseResult, countOf, type SuiteResult } from './result.ts';

/** Ends with a newline. `hostname` stands in every suite. */
export function junitXml(suites: readonly SuiteResult[], hostname: string): string {
  const sum = (of: (suite: SuiteResult) => number): number =>
    suites.reduce((total, suite) => total + of(suite), 0);
  const totals = {
    name: 'dynamo smoke',
    tests: sum(({ cases }) => cases.length),
    failures: sum((suite) => countOf(suite, 'failed')),
    errors: 0,
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

function suiteLines(suite: SuiteResult, hostname: string): string[] {
  const { name, cases, logs, engine, model, url, runId } = suite;
  const about = {
    name,
    tests: cases.length,
    failures: countOf(suite, 'failed'),
    errors: 0,
    skipped: countOf(suite, 'skipped'),
    time: seconds(suite.tookMs),
    // Without a zone, as the schemas want it.
    timestamp: suite.startedAt.slice(0, 19),
    hostname,
  };
  const facts = Object.entries({ engine, model, url, run: runId }).flatMap(([key, value]) =>
    value === undefined ? [] : [`    ${tag('property', { name: key, value })}`],
  );
  const output = logs.map(({ process, text }) => `==> ${process} <==\n${text}`).join('\n\n');
  return [
    open('testsuite', about),
    '  <properties>',
    ...facts,
    '  </properties>',
    ...cases.map((each) => `  ${caseXml(each, name)}`),
    `  <system-out>${content(output)}</system-out>`,
    '  <system-err></system-err>',
    '</testsuite>',
  ];
}

function caseXml({ name, state, tookMs, text }: CaseResult, suite: string): string {
  const about = { name, classname: `dynamo.smoke.${suite}`, time: seconds(tookMs) };
  if (state === 'passed') return tag('testcase', about);
  const inside =
    state === 'skipped'
      ? tag('skipped', { message: text })
      : `${open('failure', { message: text.split('\n')[0] ?? '', type: 'smoke' })}${content(text)}</failure>`;
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

/** What XML 1.0 cannot hold at all, not even escaped: logs are full of it. */
const impossible = /(?![\t\n\r])\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu;

function content(text: string): string {
  return text
    .replaceAll(impossible, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
