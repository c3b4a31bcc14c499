/** What the loss of a process means in each phase of a run. */
import { expect, test } from 'vitest';
import type { Failure, RunEvent } from '../../../src/supervisor/events.ts';
import { afterLoss } from '../../../src/supervisor/restart.ts';
import { initialStatus, reduce } from '../../../src/supervisor/status.ts';
import { fakePlan } from '../../support/profile.ts';

const plan = fakePlan();
const [first] = plan.processes;
const seen: Failure = { code: 'process-failed', message: 'it ended' };
const told: Record<string, RunEvent> = {
  starting: { at: 1, type: 'run', phase: 'starting' },
  proving: { at: 2, type: 'run', phase: 'proving' },
  ready: { at: 3, type: 'ready', proof: { request: '', answer: '', tookMs: 1, usedRoles: [] }, tookMs: 2 },
};

test.each([
  [['starting'], { follows: 'failure', reason: seen }],
  [['starting', 'proving'], { follows: 'failure', reason: { ...seen, duringProof: true } }],
  [['starting', 'proving', 'ready'], { follows: 'recovery', reason: seen }],
])('after %j', (phases, verdict) => {
  const events = phases.flatMap((phase) => told[phase] ?? []);
  const status = events.reduce(reduce, initialStatus(plan, 0));
  if (first === undefined) throw new Error('the plan has no process');
  expect(afterLoss(plan, status, first, seen)).toEqual(verdict);
});
