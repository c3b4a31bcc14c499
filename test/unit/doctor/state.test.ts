/** Checks of leftovers of dead runs; test/e2e/doctor.test.ts uses real kills. */
import { expect, test } from 'vitest';
import { orphansOurs, runState } from '../../../src/doctor/checks/dead-runs.ts';
import type { StaleThing } from '../../../src/doctor/host-view.ts';
import { doctorHost, finding, runFacts } from '../../support/doctor-host.ts';

const orphaned = runFacts({ state: 'dead', living: [{ pid: 70, process: 'worker' }] });
const empty = runFacts({ runId: 'disagg-efgh', state: 'dead' });
const lease: StaleThing = {
  kind: 'lease',
  file: '/ports/8000',
  proof: 'its holder, pid 5 of run agg-abcd, is dead',
};
const socket: StaleThing = { kind: 'socket', file: '/sockets/old.sock', proof: 'nobody listens on it' };

test('orphans-ours fails on processes of a dead run, with their GPU memory', async () => {
  const holders = [{ gpuUuid: 'GPU-0', pid: 70, usedMiB: 72_704, name: 'python3' }];
  expect(
    await finding(orphansOurs, { runs: [orphaned], gpus: { state: 'answers', gpus: [], holders } }),
  ).toMatchObject({
    status: 'fail',
    evidence: '1 process of 1 dead run still running: agg-abcd: worker 70, using 71.0 GiB of GPU memory',
    fix: expect.stringContaining('dynamo clean'),
  });
});

test('orphans-ours is silent about live runs and clean dead ones, and fixes by reaping', async () => {
  const live = runFacts({ state: 'live', living: [{ pid: 1, process: 'worker' }] });
  expect(await finding(orphansOurs, { runs: [live, empty] })).toMatchObject({ status: 'ok' });
  expect(await orphansOurs.repair?.(doctorHost({ runs: [live, orphaned, empty] }))).toEqual([
    'agg-abcd: stopped: nothing is left',
  ]);
});

test('run-state warns about records, sockets and claims of dead runs', async () => {
  expect(await finding(runState, { runs: [empty], stale: [socket, lease] })).toMatchObject({
    status: 'warn',
    evidence: '3 stale items: run disagg-efgh of 2026-01-02 03:04: its supervisor is gone',
    details: [
      'socket /sockets/old.sock: nobody listens on it',
      'lease /ports/8000: its holder, pid 5 of run agg-abcd, is dead',
    ],
  });
});

test('run-state is silent about live and ended runs, and cleans up runs without processes', async () => {
  expect(await finding(runState, { runs: [runFacts(), runFacts({ state: 'live' })] })).toMatchObject({
    status: 'ok',
  });
  expect(await runState.repair?.(doctorHost({ runs: [empty, orphaned], stale: [lease] }))).toEqual([
    'cleaned up after disagg-efgh: stopped: nothing is left',
    'removed the lease /ports/8000',
  ]);
});

test('both are skipped if the state folder is unreadable', async () => {
  const host = { ...doctorHost(), state: async () => await Promise.reject(new Error('EACCES')) };
  for (const check of [orphansOurs, runState])
    await expect(async () => await check.look(host)).rejects.toThrow('EACCES');
});
