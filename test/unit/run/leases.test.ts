/** GPU leases: one run each, all or none, taken over from dead runs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Identity } from '../../../src/base/identity.ts';
import type { Claim } from '../../../src/run/claim.ts';
import type { StateFolders } from '../../../src/run/folders.ts';
import { adoptGpus, leasedGpus, leaseGpus, lesseeOf, releaseGpus } from '../../../src/run/leases.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const of = (runId: string, pid: number): Claim => ({
  runId,
  holder: { bootId: 'boot', pid, startTime: '7' },
});
const everybody = (): boolean => true;
const nobody = (): boolean => false;
const folders = (): StateFolders => ({
  runs: '',
  names: '',
  sockets: '',
  ports: '',
  gpus: tempFolder(),
  infra: '',
});
const owners = (at: StateFolders): string[] =>
  [...leasedGpus(at, everybody)].map(([uuid, lease]) => `${uuid} ${lesseeOf(lease)}`).toSorted();

test('GPUs are leased all or none', () => {
  const at = folders();
  expect(leaseGpus(at, ['GPU-2'], of('b', 2), everybody)).toBeUndefined();
  expect(leaseGpus(at, ['GPU-1', 'GPU-2', 'GPU-3'], of('a', 1), everybody)).toBe('GPU-2');
  expect(owners(at)).toEqual(['GPU-2 b']);
});

test('a lease of a dead run is taken over, and does not count', () => {
  const at = folders();
  leaseGpus(at, ['GPU-1'], of('dead', 1), everybody);
  expect(leasedGpus(at, nobody).size).toBe(0);
  expect(leaseGpus(at, ['GPU-1'], of('new', 2), ({ pid }: Identity) => pid === 2)).toBeUndefined();
  expect(owners(at)).toEqual(['GPU-1 new']);
});

test('a run returns exactly its own leases, whatever the UUID looks like', () => {
  const at = folders();
  leaseGpus(at, ['GPU-1', 'MIG-GPU-1/7/0'], of('a', 1), everybody);
  leaseGpus(at, ['GPU-2'], of('b', 2), everybody);
  expect(owners(at)).toEqual(['GPU-1 a', 'GPU-2 b', 'MIG-GPU-1/7/0 a']);
  releaseGpus(at, of('a', 1), everybody);
  expect(owners(at)).toEqual(['GPU-2 b']);
});

test('leases of a run pass to its supervisor', () => {
  const at = folders();
  leaseGpus(at, ['GPU-1'], of('a', 1), everybody);
  leaseGpus(at, ['GPU-2'], of('b', 2), everybody);
  adoptGpus(at, of('a', 9));
  const pids = [...leasedGpus(at, everybody)].map(([, lease]) =>
    lease.kind === 'held' ? lease.claim.holder.pid : 0,
  );
  expect(pids.toSorted((a, b) => a - b)).toEqual([2, 9]);
});

test('drafts do not count; an unreadable lease counts, with unknown owner', () => {
  const at = folders();
  writeFileSync(join(at.gpus, 'GPU-1'), '{"runId":"a","hol');
  writeFileSync(join(at.gpus, 'GPU-1.77.draft'), 'x');
  const [[uuid, lease] = []] = leasedGpus(at, everybody);
  expect([uuid, leasedGpus(at, everybody).size, lease?.kind]).toEqual(['GPU-1', 1, 'unknown']);
  expect(leaseGpus(at, ['GPU-2', 'GPU-1'], of('b', 2), everybody)).toBe('GPU-1');
  expect(leaseGpus(at, ['GPU-2'], of('c', 3), everybody)).toBeUndefined();
});
