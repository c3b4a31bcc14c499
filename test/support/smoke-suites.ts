/** Smoke test results with everything that is difficult for a report. */
import type { SuiteResult } from '../../src/smoke/result.ts';

export const mixedSuites: readonly SuiteResult[] = [
  {
    name: 'agg',
    engine: 'sim',
    model: 'a/b',
    url: 'http://127.0.0.1:8000',
    runId: 'smoke-agg-1-abcd',
    startedAt: '2026-11-21T10:11:12.345Z',
    tookMs: 1234.5,
    cases: [
      { name: 'up', state: 'passed', tookMs: 200, text: 'POST /v1/chat/completions answered' },
      { name: 'chat', state: 'failed', tookMs: 12, text: 'object is <b> & "c"\nsecond line: 100%' },
      { name: 'stop', state: 'skipped', tookMs: 3, text: 'the answer has no word' },
    ],
    logs: [
      { process: 'frontend', text: 'a line\n]]> \u001b[31mred\u001b[0m \u0000 \ud800 <tag> 😀 ende' },
      { process: 'worker', text: '' },
    ],
  },
  {
    name: 'disagg #2',
    engine: undefined,
    model: undefined,
    url: undefined,
    runId: undefined,
    startedAt: '2026-11-21T10:12:12.345Z',
    tookMs: 0,
    cases: [{ name: 'up', state: 'skipped', tookMs: 0, text: 'not run: agg chat failed' }],
    logs: [],
  },
];
