/** The oracle itself finds every kind of leftover, and ends processes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { endLeftovers, leftovers, type Scene } from '../oracle/leftovers.ts';
import {
  argvOf,
  childrenOf,
  isLiving,
  kill,
  livingProcess,
  processesWith,
  stillRuns,
} from '../oracle/proc.ts';
import { freePort } from './harness/ports.ts';
import { until } from '../support/until.ts';
import { test } from './harness/world.ts';

function sleeper(cwd: string, env: Record<string, string>): ChildProcess {
  const child = spawn('/bin/sleep', ['600'], { cwd, env, stdio: 'ignore', detached: true });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function found(scene: Scene): Promise<string> {
  return await until(
    'a leftover',
    () =>
      leftovers(scene)
        .map(({ text }) => text)
        .join('\n') || undefined,
  );
}

test('an empty test environment has no leftovers', ({ world }) => {
  expect(leftovers(world)).toEqual([]);
});

test('a process with our mark in its environment is found and ended, one with another mark is not', async ({
  world,
}) => {
  const ours = sleeper('/', { E2E_MARK: world.mark });
  const other = sleeper('/', { E2E_MARK: 'other' });
  expect(await found(world)).toMatch(
    new RegExp(`^process ${ours.pid} .*sleep 600: known by its environment$`),
  );
  await endLeftovers(world);
  expect(isLiving(ours.pid ?? 0)).toBe(false);
  expect(isLiving(other.pid ?? 0)).toBe(true);
});

test('a process without the mark is known by its working directory', async ({ world }) => {
  const child = sleeper(world.work, {});
  expect(await found(world)).toContain(`process ${child.pid}`);
  expect(await found(world)).toContain(`it holds ${world.work}`);
  await endLeftovers(world);
  expect(isLiving(child.pid ?? 0)).toBe(false);
});

test('listeners on planned ports, sockets, temporary files and locks are found', async ({ world }) => {
  const port = await freePort();
  const state = join(world.root, 'other-state');
  const scene = {
    ...world,
    state,
    runtime: join(world.root, 'other-r'),
    temporary: join(world.root, 'other-t'),
  };
  for (const folder of [
    join(state, 'dynamo', 'runs', 'x'),
    join(state, 'dynamo', 'ports'),
    scene.runtime,
    scene.temporary,
  ]) {
    mkdirSync(folder, { recursive: true });
  }
  writeFileSync(
    join(state, 'dynamo', 'runs', 'x', 'plan.json'),
    JSON.stringify({ processes: [{ ports: { http: port } }] }),
  );
  writeFileSync(join(state, 'dynamo', 'ports', String(port)), '{}');
  writeFileSync(join(scene.temporary, 'forgotten'), '');
  const [tcp, unix] = [createServer(), createServer()];
  await new Promise<void>((resolve) => tcp.listen(port, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => unix.listen(join(scene.runtime, 'x.sock'), resolve));
  onTestFinished(() => {
    tcp.close();
    unix.close();
  });
  const text = await found(scene);
  expect(text).toContain(`a listener on the planned port ${port}, owned by pid ${process.pid}`);
  expect(text).toContain('a socket or runtime file: ');
  expect(text).toContain('a temporary file: ');
  expect(text).toContain('a lock: ');
});

test('a process is known by marker, parent, arguments and start time, until it has ended', async ({
  world,
}) => {
  const marker = `oracle-${world.mark}`;
  const child = sleeper('/', { E2E_MARK: 'other', MARKER: marker });
  const pid = child.pid ?? 0;
  await until('it runs sleep', () => argvOf(pid).at(-1) === '600');
  const [seen] = processesWith(marker);
  if (seen === undefined) throw new Error('the process was not found');
  expect(seen).toMatchObject({
    pid,
    parent: process.pid,
    group: pid,
    session: pid,
    command: '/bin/sleep 600',
  });
  expect(childrenOf(process.pid)).toContain(pid);
  expect(stillRuns(seen)).toBe(true);
  const reused = { ...seen, startTime: '1' };
  kill(reused);
  expect([stillRuns(reused), isLiving(pid)]).toEqual([false, true]);
  kill(seen);
  await until('it to be gone', () => livingProcess(pid) === undefined);
  expect([stillRuns(seen), processesWith(marker), childrenOf(process.pid).includes(pid)]).toEqual([
    false,
    [],
    false,
  ]);
});
