/** Shared memory: only segments that a ledger proves were created by our dead processes, and that are unused. */
import { expect, test } from 'vitest';
import {
  creatorIn,
  proofOf,
  type Segment,
  type SegmentEvidence,
} from '../../../src/process/shared-memory.ts';

const segment: Segment = {
  path: '/dev/shm/sgl_shm_mm_4321_0',
  bytes: 1,
  uid: 1000,
  inode: 7,
  bornAt: 50_000,
  creator: 4_321,
};
const evidence: SegmentEvidence = {
  uid: 1000,
  creators: [{ pid: 4_321, runId: 'agg-ab12', startedAt: 40_000 }],
  used: new Map(),
  users: new Map(),
  dying: new Map(),
  pidTakenSince: () => undefined,
};

test('created by a dead process of a dead run, unused: proven', () => {
  expect(proofOf(segment, evidence)).toEqual({
    segment,
    runId: 'agg-ab12',
    proof: 'created by pid 4321 of run agg-ab12, which has ended, and no process uses it',
  });
});

test.each<[string, Partial<Segment>, Partial<SegmentEvidence>]>([
  ['somebody uses it', {}, { users: new Map([[segment.path, [77]]]) }],
  ['it belongs to another user', { uid: 0 }, {}],
  ['its maker is in no ledger', { creator: 4_322 }, {}],
  ['its name tells no maker', { creator: 0 }, {}],
  ['it is older than the process of ours', { bornAt: 30_000 }, {}],
  [
    'it is younger than the end of the run',
    {},
    { creators: [{ pid: 4_321, runId: 'a', startedAt: 40_000, endedBy: 45_000 }] },
  ],
  ['the pid is taken again, and the new one may have made it', {}, { pidTakenSince: () => 49_000 }],
])('%s: not proven', (_, change, more) => {
  expect(proofOf({ ...segment, ...change }, { ...evidence, ...more })).toBeUndefined();
});

test('a reused pid changes nothing', () => {
  expect(proofOf(segment, { ...evidence, pidTakenSince: () => 60_000 })).toBeDefined();
});

test('a random name is proven by its users, if all are of our dead runs', () => {
  const random: Segment = { path: '/dev/shm/psm_1a2b', bytes: 1, uid: 1000, inode: 8, bornAt: 1 };
  const dying = new Map([[88, 'agg-ab12']]);
  const usedBy = (...pids: number[]) => ({ ...evidence, dying, users: new Map([[random.path, pids]]) });
  expect(proofOf(random, usedBy(88))?.proof).toBe('only processes of the dead run agg-ab12 use it (88)');
  expect(proofOf(random, usedBy(88, 99))).toBeUndefined();
  expect(proofOf(random, usedBy())).toBeUndefined();
});

test('a random name that a dead run was seen to use is proven, but not a later one with the same name', () => {
  const random: Segment = { path: '/dev/shm/psm_1a2b', bytes: 1, uid: 1000, inode: 8, bornAt: 1 };
  const used = new Map([['/dev/shm/psm_1a2b@8', 'agg-ab12']]);
  expect(proofOf(random, { ...evidence, used })?.proof).toBe(
    'run agg-ab12 used it, and no process uses it now',
  );
  expect(proofOf({ ...random, inode: 9 }, { ...evidence, used })).toBeUndefined();
  expect(proofOf(random, { ...evidence, used, users: new Map([[random.path, [77]]]) })).toBeUndefined();
});

test.each([
  ['sgl_shm_mm_4321_0', 4_321],
  ['sem.loky-4321-qbzkcsl8', 4_321],
  ['sgl_shm_4321_ab', 4_321],
  ['sgl_shm_tensor_v2_4321_17', 4_321],
  ['torch_4321_17_0', 4_321],
  ['sgl_shm_mm', undefined],
  ['psm_4321_x', undefined],
  ['nccl-abc123', undefined],
])('the name %s identifies the creator %s', (name, creator) => {
  expect(creatorIn(name)).toBe(creator);
});
