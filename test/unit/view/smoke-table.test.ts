/** The table of a smoke, without colours. */
import { Chalk } from 'chalk';
import { expect, test } from 'vitest';
import { smokeTable } from '../../../src/view/smoke-table.ts';
import { mixedSuites } from '../../support/smoke-suites.ts';

const style = new Chalk({ level: 0 });

test('one profile: every case', () => {
  expect(smokeTable(mixedSuites.slice(0, 1), style).split('\n')).toEqual([
    'CASE  RESULT   TOOK    DETAILS',
    'up    passed   200 ms  POST /v1/chat/completions answered',
    'chat  failed   12 ms   object is <b> & "c"',
    'stop  skipped  3 ms    the answer has no word',
  ]);
});

test('several profiles: a line each, then failures and skipped ones with reasons', () => {
  expect(smokeTable(mixedSuites, style).split('\n')).toEqual([
    'PROFILE    RESULT   PASSED  FAILED  SKIPPED  TOOK',
    'agg        failed   1       1       1        1.2 s',
    'disagg #2  skipped  0       0       1        0 ms',
    '',
    'agg failed chat (12 ms) object is <b> & "c"',
    'disagg #2 skipped up (0 ms) not run: agg chat failed',
  ]);
});
