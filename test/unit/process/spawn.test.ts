/** Why a process could not be started: the kernel's error, and what it was about. */
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
    /the variable LONG has 140006 bytes, and the kernel takes 131072 \(E2BIG\)/,
  ],
  ['E2BIG', { argv: ['sh', 'y'.repeat(140_000)] }, /the argument "y+"… has 140001 bytes/],
  [
    'E2BIG',
    { env: { A: 'x'.repeat(90_000), B: 'x'.repeat(100_000) } },
    /arguments and variables have 1900\d\d bytes, more than the kernel takes; the longest is the variable B with 100003 \(E2BIG\)/,
  ],
  [
    'ENOENT',
    { argv: ['/no/such/program'] },
    /\/no\/such\/program is not there, or may not be run by this user \(ENOENT\)/,
  ],
  ['EACCES', {}, /\/bin\/sh is not there, or may not be run/],
  [
    'ENOENT',
    { cwd: '/no/such/folder' },
    /its working folder \/no\/such\/folder cannot be entered \(ENOENT\)/,
  ],
  ['ENOTDIR', { cwd: '/etc/passwd' }, /its working folder \/etc\/passwd cannot be entered/],
  ['EAGAIN', {}, /no more processes and threads \(ulimit -u is (\d+|unlimited); pids\.max .*\) \(EAGAIN\)/],
  ['ENOMEM', {}, /there is no memory for another process \(ENOMEM\)/],
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
