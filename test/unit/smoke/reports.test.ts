/** Reports for CI: JUnit XML, and GitHub's job summary with annotations. */
import { expect, test } from 'vitest';
import { annotations, jobSummary, junitXml } from '../../../src/smoke/reports.ts';
import { mixedSuites } from '../../support/smoke-suites.ts';
import { readXml } from '../../support/xml.ts';

const xml = junitXml(mixedSuites, 'host-1');

test('one suite per profile, one case per request, with counts', () => {
  const root = readXml(xml);
  expect(root.name).toBe('testsuites');
  expect(root.attributes).toMatchObject({ tests: '4', failures: '1', errors: '0', time: '1.234' });
  const [agg, disagg] = root.children;
  expect(agg?.attributes).toMatchObject({
    name: 'agg',
    tests: '3',
    failures: '1',
    skipped: '1',
    time: '1.234',
    timestamp: '2026-11-21T10:11:12',
    hostname: 'host-1',
  });
  expect(disagg?.attributes).toMatchObject({ name: 'disagg #2', tests: '1', failures: '0', skipped: '1' });
  expect(agg?.children.map(({ name }) => name)).toEqual([
    'properties',
    'testcase',
    'testcase',
    'testcase',
    'system-out',
    'system-err',
  ]);
});

test('a failed case says what was wrong, a skipped one why', () => {
  const cases = readXml(xml).children[0]?.children.filter(({ name }) => name === 'testcase') ?? [];
  expect(cases.map(({ children }) => children[0]?.name)).toEqual([undefined, 'failure', 'skipped']);
  expect(cases[1]?.attributes).toMatchObject({ name: 'chat', classname: 'dynamo.smoke.agg', time: '0.012' });
  expect(cases[1]?.children[0]?.attributes['message']).toBe('object is <b> & "c"');
  expect(cases[1]?.children[0]?.text).toContain('second line: 100%');
  expect(cases[2]?.children[0]?.attributes['message']).toBe('the answer has no word');
});

test('logs are included, without characters that XML forbids', () => {
  const out = readXml(xml).children[0]?.children.find(({ name }) => name === 'system-out')?.text ?? '';
  expect(out).toContain('==> frontend <==\na line\n]]> �[31mred');
  expect(out).toContain('<tag> 😀 ende');
  expect([...out].filter((sign) => sign < ' ' && sign !== '\n')).toEqual([]);
});

test('a deployment that failed is an error, not a failure, and a suite that passed has no logs', () => {
  const [mixed] = mixedSuites;
  if (mixed === undefined) throw new Error('no suite');
  const failed = { name: 'up', state: 'failed', tookMs: 1, text: 'no GPU' } as const;
  const passed = { ...failed, state: 'passed' } as const;
  const down = { ...mixed, cases: [failed] };
  const fine = { ...mixed, cases: [passed] };
  const root = readXml(junitXml([down, fine], 'h'));
  expect(root.attributes).toMatchObject({ failures: '0', errors: '1' });
  expect(root.children[0]?.children[1]?.children[0]?.name).toBe('error');
  const outputs = root.children.map(
    ({ children }) => children.find(({ name }) => name === 'system-out')?.text,
  );
  expect([outputs[0]?.includes('==> frontend'), outputs[1] ?? '']).toEqual([true, '']);
});

test('a report without suites is valid', () => {
  expect(readXml(junitXml([], 'h')).attributes['tests']).toBe('0');
});

test('one annotation per failed case, on one line, escaped', () => {
  expect(annotations(mixedSuites)).toBe(
    '::error title=dynamo smoke%3A agg chat::object is <b> & "c"%0Asecond line: 100%25\n',
  );
});

test('the summary has a row per profile and an item per failure', () => {
  const lines = jobSummary(mixedSuites).split('\n');
  expect(lines).toContain('| ❌ | `agg` | sim | 1 | 1 | 1 | 1.2 s |');
  expect(lines).toContain('- `agg` **chat**: object is \\<b\\> & "c" second line: 100%');
});
