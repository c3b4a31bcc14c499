/** Progress as plain lines. */
import { expect, test } from 'vitest';
import type { RunEvent } from '../../../src/supervisor/events.ts';
import { progressLines } from '../../../src/view/progress.ts';
import { proof } from '../../support/fake-world.ts';

function shown(events: readonly RunEvent[]): string[] {
  const lines: string[] = [];
  const progress = progressLines((text) => void lines.push(text));
  for (const event of events) progress.show(event);
  return lines;
}

test('a run from start to stop, with a line for each notable step', () => {
  const lines = shown([
    { at: 0, type: 'run', phase: 'starting' },
    { at: 10, type: 'process', process: 'w', state: 'starting' },
    { at: 20, type: 'process', process: 'w', state: 'started', pid: 42 },
    { at: 1_510, type: 'process', process: 'w', state: 'ready' },
    { at: 1_510, type: 'run', phase: 'proving' },
    { at: 1_511, type: 'waiting', for: 'an answer' },
    { at: 1_600, type: 'ready', proof, tookMs: 1_600 },
    { at: 2_000, type: 'run', phase: 'stopping' },
    { at: 2_010, type: 'stopped', killed: [], left: [] },
  ]);
  expect(lines).toEqual([
    '1970-01-01T00:00:00.000Z  starting\n',
    '1970-01-01T00:00:00.020Z  w started (pid 42)\n',
    '1970-01-01T00:00:01.510Z  w ready after 1.5 s\n',
    '1970-01-01T00:00:01.511Z  waiting for an answer\n',
    '1970-01-01T00:00:01.600Z  ready after 1.6 s\n',
    '1970-01-01T00:00:02.000Z  stopping\n',
    '1970-01-01T00:00:02.010Z  stopped: nothing is left\n',
  ]);
});

test('a process that waited for another says so when it starts, unless it was short', () => {
  const waited = { for: 'prefill to be ready', ms: 2_300 };
  const said = shown([
    { at: 0, type: 'process', process: 'decode', state: 'starting', waited },
    { at: 0, type: 'process', process: 'w', state: 'starting', waited: { ...waited, ms: 300 } },
  ]).map((line) => line.slice(26, -1));
  expect(said).toEqual(['decode waited 2 s for prefill to be ready']);
});

test('a crash, killed processes and processes left', () => {
  const reason = { code: 'process-failed', message: 'w exited with code 3' } as const;
  const said = shown([
    { at: 0, type: 'process', process: 'w', state: 'failed', exit: { code: 3, signal: undefined } },
    { at: 0, type: 'failed', reason },
    { at: 0, type: 'stopped', killed: ['7 (w)'], left: [] },
    { at: 0, type: 'stopped', killed: ['7 (w)'], left: ['8 (x)'] },
  ]).map((line) => line.slice(26, -1));
  expect(said).toEqual([
    'w failed: exited with code 3',
    'failed: w exited with code 3',
    'stopped: nothing is left; killed: 7 (w)',
    'NOT stopped, still running: 8 (x)',
  ]);
});
