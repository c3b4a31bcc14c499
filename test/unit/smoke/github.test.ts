/** Annotations and summary for GitHub. */
import { expect, test } from 'vitest';
import { annotations, jobSummary } from '../../../src/smoke/github.ts';
import { mixedSuites } from '../../support/smoke-suites.ts';

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
