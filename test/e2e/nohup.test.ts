/** A SIGHUP that the caller ignores stays ignored: under nohup, and in scripts that trap it. */
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { mayRun } from '../support/may-run.ts';
import { until } from '../support/until.ts';
import { isLiving } from '../oracle/proc.ts';
import { executable, type Session, shellCode, start, startCommand, succeed } from './harness/cli.ts';
import { onSim, ps } from './harness/deployment.ts';
import { test, type World } from './harness/world.ts';

const nohup = '/usr/bin/nohup';

async function inShell(world: World, shell: string, before: string): Promise<Session> {
  if (existsSync(nohup)) symlinkSync(nohup, join(world.bin, 'nohup'));
  const words = [process.execPath, executable, 'up', 'agg', ...(await onSim())].join(' ');
  const session = startCommand(world, [shell, '-c', `${before} ${words}; exit $?`]);
  await session.until(/Answer /);
  return session;
}

async function supervisor(world: World): Promise<number> {
  const [run] = await ps(world);
  return run?.supervisorPid ?? 0;
}

test.runIf(mayRun(existsSync(nohup))).for([
  ['bash', 'nohup'],
  ['sh', "trap '' HUP;"],
] as const)('%s -c "%s dynamo up": SIGHUP has no effect', async ([shell, before], { world }) => {
  const session = await inShell(world, shell, before);
  const pid = await supervisor(world);
  for (let i = 0; i < 3; i++) {
    process.kill(pid, 'SIGHUP');
    const [run] = await ps(world);
    expect([run?.state, isLiving(pid)]).toEqual(['ready', true]);
  }
  process.kill(pid, 'SIGTERM');
  expect(shellCode(await session.ended)).toBe(143);
  expect(session.stderr()).not.toContain('SIGHUP: stopping');
});

test('without nohup, SIGHUP stops the run in order', async ({ world }) => {
  const session = await inShell(world, 'bash', '');
  process.kill(await supervisor(world), 'SIGHUP');
  expect(shellCode(await session.ended)).toBe(129);
  expect(session.stderr()).toContain('SIGHUP: stopping;');
});

test('a command without a deployment obeys SIGHUP too', async ({ world }) => {
  await succeed(world, ['up', 'agg', '--detach', ...(await onSim())]);
  const words = [process.execPath, executable, 'logs', '-f', 'frontend'].join(' ');
  const session = startCommand(world, ['sh', '-c', `trap '' HUP; ${words} & echo "pid $!"; wait`]);
  await session.until(/pid \d+[\s\S]*HTTP/);
  const pid = Number(/pid (\d+)/.exec(session.stdout())?.[1]);
  process.kill(pid, 'SIGHUP');
  await succeed(world, ['ps']);
  expect(isLiving(pid)).toBe(true);
  await succeed(world, ['down']);
  await session.ended;
});

test('the command of `exec` and the processes of the run inherit how the caller handles SIGHUP', async ({
  world,
}) => {
  const words = [process.execPath, executable, 'exec', 'agg', ...(await onSim())].join(' ');
  const look = '-- grep SigIgn /proc/self/status; exit $?';
  const deaf = startCommand(world, ['sh', '-c', `trap '' HUP; ${words} ${look}`]);
  expect((await deaf.ended).stdout).toMatch(/^SigIgn:\s+[0-9a-f]+[13579bdf]$/m);
  const plain = start(world, [
    'exec',
    'agg',
    ...(await onSim()),
    '--',
    'grep',
    'SigIgn',
    '/proc/self/status',
  ]);
  expect((await plain.ended).stdout).toMatch(/^SigIgn:\s+[0-9a-f]+[02468ace]$/m);
  await until('both are gone', () => ![deaf.pid, plain.pid].some(isLiving));
});
