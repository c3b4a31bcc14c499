/** Why a process could not be started: the kernel's error and its object. */
import { expect, test } from 'vitest';
import { type Attempt, spawnError } from '../../../src/process/spawn.ts';

const attempt = (change: Partial<Attempt> = {}): Attempt => ({
  who: 'worker',
  argv: ['/bin/sh', '-c', 'true'],
  cwd: '/',
  env: {},
  ...change,
});

const failed = (code: string, change?: Partial<Attempt>) =>
  spawnError(attempt(change), Object.assign(new Error(`spawn ${code}`), { code }));

test.each<[string, Partial<Attempt>, RegExp]>([
  [
    'E2BIG',
    { env: { A: 'a', LONG: 'x'.repeat(140_000) } },
    /the variable LONG has 140006 bytes; the kernel accepts at most 131072 \(E2BIG\)/,
  ],
  ['E2BIG', { argv: ['sh', 'y'.repeat(140_000)] }, /the argument "y+"… has 140001 bytes/],
  [
    'E2BIG',
    { env: { A: 'x'.repeat(90_000), B: 'x'.repeat(100_000) } },
    /arguments and variables have 1900\d\d bytes, more than the kernel accepts; the longest is the variable B with 100003 \(E2BIG\)/,
  ],
  [
    'ENOENT',
    { argv: ['/no/such/program'] },
    /\/no\/such\/program does not exist, or this user may not execute it \(ENOENT\)/,
  ],
  ['EACCES', {}, /\/bin\/sh does not exist, or this user may not execute it/],
  [
    'ENOENT',
    { cwd: '/no/such/folder' },
    /its working folder \/no\/such\/folder cannot be entered \(ENOENT\)/,
  ],
  ['ENOTDIR', { cwd: '/etc/passwd' }, /its working folder \/etc\/passwd cannot be entered/],
  ['EAGAIN', {}, /limit of processes and threads \(ulimit -u is (\d+|unlimited); pids\.max .*\) \(EAGAIN\)/],
  ['ENOMEM', {}, /not enough memory for another process \(ENOMEM\)/],
  ['EMFILE', {}, /too many files are open \(ulimit -n is (\d+|unlimited)\) \(EMFILE\)/],
  ['EWHATEVER', {}, /worker could not be started: spawn EWHATEVER\./],
])('%s, %j', (code, change, words) => {
  const error = failed(code, change);
  expect(error.message).toMatch(words);
  expect(error.message).toMatch(/^worker could not be started: .*\.$/);
  expect(error.exitCode).toBe(78);
});

test('each known reason has one fix', () => {
  for (const code of ['ENOENT', 'EACCES', 'EAGAIN', 'ENOMEM', 'EMFILE'])
    expect(failed(code).hint).toMatch(/\S/);
});
