/** `up` in the foreground stops in order on every signal, at every moment, with the right exit code. */
import { setTimeout as delay } from 'node:timers/promises';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { leftovers } from '../oracle/leftovers.ts';
import { type Session, shellCode, start, succeed } from './harness/cli.ts';
import { faulty } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { until } from '../support/until.ts';
import { standIn, test, type World } from './harness/world.ts';

async function foreground(world: World, profile: string, ...more: string[]): Promise<Session> {
  const port = String(await freePort());
  return start(world, ['up', profile, '--engine', 'sim', '--http-port', port, ...more], { ownGroup: true });
}

const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} to the command stops everything in order and exits ${codes[signal]}`, async ({ world }) => {
    const session = await foreground(world, 'disagg');
    await session.until(/is ready after/);
    process.kill(session.pid, signal);
    const { code, stderr, tookMs } = await session.ended;
    expect(code).toBe(codes[signal]);
    expect(stderr).toContain(`${signal}: stopping;`);
    expect(stderr).toMatch(/stopped: nothing is left\n$/);
    expect(tookMs).toBeLessThan(8_000);
  });
}

test('Ctrl-C in a terminal, which reaches the whole group, has the same result', async ({ world }) => {
  const session = await foreground(world, 'agg');
  await session.until(/is ready after/);
  process.kill(-session.pid, 'SIGINT');
  expect(await session.ended).toMatchObject({ code: 130 });
});

test('a signal that arrives twice at once, as from npm and the shell, still stops in order', async ({
  world,
}) => {
  const session = await foreground(world, 'agg');
  await session.until(/is ready after/);
  process.kill(session.pid, 'SIGINT');
  process.kill(-session.pid, 'SIGINT');
  const { code, stderr } = await session.ended;
  expect(code).toBe(130);
  expect(stderr).not.toContain('SIGKILL:');
});

test('a second Ctrl-C kills a worker that ignores SIGTERM at once, and names it', async ({ world }) => {
  const session = await foreground(world, faulty(world, 'agg', { worker: ['--ignore-sigterm'] }));
  await session.until(/is ready after/);
  process.kill(session.pid, 'SIGINT');
  await session.until(/SIGINT: stopping;/);
  // Longer than the time between two deliveries of one key press, much shorter than the worker's 10 s.
  await delay(400);
  expect(session.child.exitCode).toBeNull();
  const second = performance.now();
  process.kill(session.pid, 'SIGINT');
  const { code, stderr } = await session.ended;
  expect(performance.now() - second).toBeLessThan(9_000);
  expect(code).toBe(130);
  expect(stderr).toMatch(/stopped: nothing is left; killed: \d+ \(.*from worker/);
});

test('Ctrl-C while workers are starting stops at once', async ({ world }) => {
  const session = await foreground(world, faulty(world, 'disagg', { decode: ['--startup-time', '20'] }));
  await session.until(/decode started/);
  process.kill(session.pid, 'SIGINT');
  const { code, tookMs } = await session.ended;
  expect(code).toBe(130);
  expect(tookMs).toBeLessThan(9_000);
});

/**
 * Milliseconds after the spawn: before Node runs our code, during planning, while processes start, during the proof.
 */
const moments = [0, 40, 80, 100, 120, 140, 170, 200, 250, 300, 400];

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} to the group at any moment leaves nothing behind`, async ({ world }) => {
    for (const moment of moments) {
      const session = await foreground(world, 'agg');
      await delay(moment);
      process.kill(-session.pid, signal);
      const ended = await session.ended;
      // Before our code runs, the kernel ends Node; a shell shows the same code for both.
      expect(shellCode(ended), `after ${moment} ms: ${ended.stderr}`).toBe(codes[signal]);
      expect(leftovers(world), `after ${moment} ms`).toEqual([]);
    }
  });
}

test('SIGINT to `up --detach` at any moment stops everything, unless it was ready before', async ({
  world,
}) => {
  for (const moment of moments) {
    const session = await foreground(world, 'agg', '--detach');
    await Promise.race([delay(moment), session.ended]);
    if (session.child.exitCode === null) process.kill(-session.pid, 'SIGINT');
    const ended = await session.ended;
    if (/is ready after/.test(ended.stdout)) await succeed(world, ['down']);
    else expect(shellCode(ended), `after ${moment} ms: ${ended.stderr}`).toBe(130);
    expect(leftovers(world), `after ${moment} ms`).toEqual([]);
  }
});

/** Polls without a pause: the child leaves the group within a millisecond. */
function awaitFirstChild(pid: number): void {
  for (const end = performance.now() + 10_000; performance.now() < end;) {
    if (readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8') !== '') return;
  }
  throw new Error('it started no child');
}

test('Ctrl-C that kills the supervisor before it has its own session is no failure', async ({ world }) => {
  for (let round = 0; round < 5; round++) {
    const session = await foreground(world, 'agg', '--detach');
    awaitFirstChild(session.pid);
    process.kill(-session.pid, 'SIGINT');
    const ended = await session.ended;
    expect(shellCode(ended), ended.stderr).toBe(130);
    expect(leftovers(world)).toEqual([]);
  }
});

test('Ctrl-C while the host is being checked leaves nothing behind', async ({ world }) => {
  standIn(world, 'nvidia-smi', `#!/bin/sh\necho > ${join(world.work, 'asked')}\nexec sleep 3\n`);
  const session = await foreground(world, 'agg');
  await until('nvidia-smi to be asked', () => existsSync(join(world.work, 'asked')));
  process.kill(-session.pid, 'SIGINT');
  expect(shellCode(await session.ended)).toBe(130);
});

test('Ctrl-C during `up --detach` stops the run that was being started', async ({ world }) => {
  const session = await foreground(
    world,
    faulty(world, 'agg', { worker: ['--startup-time', '20'] }),
    '--detach',
  );
  await session.until(/worker started/);
  process.kill(-session.pid, 'SIGINT');
  expect(await session.ended).toMatchObject({ code: 130 });
});
