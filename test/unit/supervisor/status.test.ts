/** The state of a run, folded from its events. */
import { expect, test } from 'vitest';
import type { RunEvent } from '../../../src/supervisor/events.ts';
import { initialStatus, openJournal, reduce, type RunStatus } from '../../../src/supervisor/status.ts';
import { fakePlan } from '../../support/profile.ts';
import { proof } from '../../support/fake-world.ts';
import { virtualClock } from '../../support/clocks.ts';

const plan = fakePlan();
const fold = (events: readonly RunEvent[]): RunStatus => events.reduce(reduce, initialStatus(plan, 1));
const failure = {
  code: 'process-failed',
  message: 'prefill exited with code 1',
  process: 'prefill',
} as const;

test('at first everything is pending', () => {
  const status = fold([]);
  expect(status).toMatchObject({ phase: 'starting', since: 1 });
  expect(Object.keys(status.processes)).toEqual(['frontend', 'prefill', 'decode-1', 'decode-2']);
  expect(status.processes.prefill).toEqual({ name: 'prefill', state: 'pending', since: 1, restarts: 0 });
});

test('pid and exit are kept in later states', () => {
  const exit = { code: 1, signal: undefined };
  const { processes } = fold([
    { at: 2, type: 'process', process: 'prefill', state: 'starting' },
    { at: 3, type: 'process', process: 'prefill', state: 'started', pid: 42 },
    { at: 4, type: 'process', process: 'prefill', state: 'failed', exit },
    { at: 5, type: 'process', process: 'prefill', state: 'stopped' },
  ]);
  expect(processes.prefill).toEqual({
    name: 'prefill',
    state: 'stopped',
    since: 5,
    restarts: 0,
    pid: 42,
    exit,
  });
  expect(processes.frontend?.state).toBe('pending');
});

test('the phase follows the run', () => {
  const story: RunEvent[] = [
    { at: 2, type: 'run', phase: 'starting' },
    { at: 3, type: 'run', phase: 'proving' },
    { at: 4, type: 'waiting', for: 'the model' },
    { at: 5, type: 'ready', proof, tookMs: 3 },
    { at: 6, type: 'run', phase: 'stopping' },
    { at: 7, type: 'stopped', killed: [], left: [] },
  ];
  const phases = story.map((_, i) => fold(story.slice(0, i + 1)).phase);
  expect(phases).toEqual(['starting', 'proving', 'proving', 'ready', 'stopping', 'stopped']);
  expect(fold(story)).toMatchObject({ since: 7, proof });
});

test('a failed run ends as failed and keeps the reason', () => {
  const story: RunEvent[] = [
    { at: 2, type: 'failed', reason: failure },
    { at: 3, type: 'run', phase: 'stopping' },
    { at: 4, type: 'stopped', killed: [], left: [] },
  ];
  expect(fold(story.slice(0, 2)).phase).toBe('stopping');
  expect(fold(story)).toMatchObject({ phase: 'failed', failure, since: 4 });
});

test('folding does not mutate its input', () => {
  const before = initialStatus(plan, 1);
  const copy = structuredClone(before);
  reduce(before, { at: 2, type: 'process', process: 'prefill', state: 'starting' });
  expect(before).toEqual(copy);
});

test('a journal keeps all events, and its state is their fold', () => {
  const told: RunEvent[] = [];
  const journal = openJournal(plan, virtualClock(1), (event) => told.push(event));
  expect(journal.status()).toEqual(initialStatus(plan, 1));
  journal.record({ type: 'note', text: 'GPU 0 is being freed' });
  journal.enter('prefill', 'starting');
  journal.enter('prefill', 'ready');
  expect(journal.events()).toEqual(told);
  expect(told.map(({ type }) => type)).toEqual(['note', 'process']);
  expect(journal.status()).toEqual(fold(told));
  expect(journal.stateOf('prefill')).toBe('starting');
});
