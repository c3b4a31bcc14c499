/** Claims on names and ports: one living holder, and dead ones are taken over. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { uptime } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Identity } from '../../../src/base/identity.ts';
import { adopt, type Claim, claim, readClaim, takeOverOf, unclaim } from '../../../src/run/claim.ts';
import type { StateFolders } from '../../../src/run/folders.ts';
import { leasedPorts, leasePorts, releasePorts } from '../../../src/run/leases.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const holder = (pid: number): Identity => ({ bootId: 'boot', pid, startTime: '7' });
const of = (runId: string, pid: number): Claim => ({ runId, holder: holder(pid) });
const held = (runId: string, pid: number) => ({ kind: 'held', claim: of(runId, pid) });
const alive =
  (...pids: number[]) =>
  (identity: Identity) =>
    pids.includes(identity.pid);
const file = (): string => join(tempFolder(), 'name');
const folders = (): StateFolders => ({
  runs: '',
  names: '',
  sockets: '',
  ports: tempFolder(),
  gpus: tempFolder(),
  infra: '',
});

test('the first gets it, the second learns who has it', () => {
  const path = file();
  expect(claim(path, of('a', 1), alive(1, 2))).toBeUndefined();
  expect(claim(path, of('b', 2), alive(1, 2))).toEqual(held('a', 1));
  expect(readClaim(path)).toEqual(of('a', 1));
});

test('the claim of a dead holder is taken over, and nothing else is left in the folder', () => {
  const path = file();
  claim(path, of('a', 1), alive(1));
  expect(claim(path, of('b', 2), alive(2))).toBeUndefined();
  expect(readClaim(path)).toEqual(of('b', 2));
  expect(readdirSync(dirname(path))).toEqual(['name']);
});

describe.each(['', '{"runId":"a","hol', 'null', '7', '{}', '{"format":2}'])(
  'a claim that reads %j',
  (text) => {
    test('counts as held by an unknown run', () => {
      const path = file();
      writeFileSync(path, text);
      expect(claim(path, of('b', 2), alive(2))).toMatchObject({ kind: 'unknown', file: path });
      expect([readFileSync(path, 'utf8'), readdirSync(dirname(path))]).toEqual([text, ['name']]);
    });

    test('of an earlier boot is taken over, as after a power cut', () => {
      const path = file();
      writeFileSync(path, text);
      const before = Date.now() / 1000 - uptime() - 60;
      utimesSync(path, before, before);
      expect(claim(path, of('b', 2), alive(2))).toBeUndefined();
      expect(readClaim(path)).toEqual(of('b', 2));
    });
  },
);

test.each([
  ['a folder', (path: string) => mkdirSync(path)],
  ['a named pipe', (path: string) => void execFileSync('mkfifo', [path])],
  ['a dangling link', (path: string) => symlinkSync('/nowhere/at/all', path)],
])('%s in place of a claim counts as held, and is kept', (what, make) => {
  const path = file();
  make(path);
  const obstacle = claim(path, of('b', 2), alive(2));
  expect(obstacle).toMatchObject({ kind: 'unknown', why: expect.stringContaining(what) });
  unclaim(path, of('b', 2), alive(2));
  expect(readdirSync(dirname(path))).toEqual(['name']);
});

test('a take-over that was interrupted by death is taken over itself', () => {
  const path = file();
  claim(path, of('a', 1), alive(1));
  const first = takeOverOf(path, readFileSync(path, 'utf8'));
  claim(first, of('b', 2), alive(2));
  claim(takeOverOf(first, readFileSync(first, 'utf8')), of('c', 3), alive(3));
  expect(claim(path, of('d', 4), alive(4))).toBeUndefined();
  expect(readClaim(path)).toEqual(of('d', 4));
  expect(readdirSync(dirname(path))).toEqual(['name']);
});

test('a concurrent take-over is reported with its run', () => {
  const path = file();
  claim(path, of('a', 1), alive(1));
  claim(takeOverOf(path, readFileSync(path, 'utf8')), of('b', 2), alive(2));
  expect(claim(path, of('c', 3), alive(2, 3))).toEqual(held('b', 2));
});

test('only the run that holds it can release it', () => {
  const path = file();
  claim(path, of('a', 1), alive(1));
  unclaim(path, of('b', 2), alive(1, 2));
  expect(readClaim(path)).toEqual(of('a', 1));
  unclaim(path, of('a', 1), alive(1, 2));
  expect(existsSync(path)).toBe(false);
  unclaim(path, of('a', 1), alive(1, 2));
});

test('of several ports, those that another run holds by now stay', () => {
  const here = folders();
  const mine = of('a', 1);
  expect(leasePorts(here, [8000, 8001, 8002, 8003], mine, alive(1, 2))).toBeUndefined();
  adopt(join(here.ports, '8001'), of('b', 2));
  // Not through the file: all four are one.
  rmSync(join(here.ports, '8002'));
  writeFileSync(join(here.ports, '8002'), 'damaged');
  adopt(join(here.ports, '8003'), mine);
  releasePorts(here, [8000, 8001, 8002, 8003, 8004], mine, alive(1, 2));
  expect(readdirSync(here.ports)).toEqual(['8001', '8002']);
  expect(readClaim(join(here.ports, '8001'))).toEqual(of('b', 2));
});

test('claims of a dead process are released when its run is ended', () => {
  const path = file();
  claim(path, of('a', 1), alive(1));
  unclaim(path, of('a', 2), alive(2));
  expect(readdirSync(dirname(path))).toEqual([]);
});

test('a claim that is being taken over is left alone', () => {
  const path = file();
  claim(path, of('a', 1), alive(1));
  claim(takeOverOf(path, readFileSync(path, 'utf8')), of('b', 3), alive(3));
  unclaim(path, of('a', 2), alive(2, 3));
  expect(readClaim(path)).toEqual(of('a', 1));
});

test('a claim passes to another process of the same run', () => {
  const path = file();
  claim(path, of('a', 1), alive(1));
  adopt(path, of('a', 3));
  expect(claim(path, of('b', 2), alive(2, 3))).toEqual(held('a', 3));
  expect(readdirSync(dirname(path))).toEqual(['name']);
});

test('ports are leased all or none', () => {
  const where = folders();
  const all = alive(1, 2);
  expect(leasePorts(where, [10_001, 10_002], of('a', 1), all)).toBeUndefined();
  expect(leasePorts(where, [10_003, 10_002, 10_004], of('b', 2), all)).toBe(10_002);
  expect(leasedPorts(where, all)).toEqual(
    new Map([
      [10_001, 'run a'],
      [10_002, 'run a'],
    ]),
  );
  releasePorts(where, [10_001, 10_002], of('b', 2), all);
  expect(leasedPorts(where, all).size).toBe(2);
  releasePorts(where, [10_001, 10_002], of('a', 1), all);
  expect(leasePorts(where, [10_003, 10_002, 10_004], of('b', 2), all)).toBeUndefined();
});

test('leases of dead runs are free', () => {
  const where = folders();
  leasePorts(where, [10_001], of('a', 1), alive(1));
  expect(leasedPorts(where, alive()).size).toBe(0);
  expect(leasePorts(where, [10_001], of('b', 2), alive(2))).toBeUndefined();
});
