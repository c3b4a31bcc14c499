/** Ports in use: a requested one is refused by name, the default one is changed with a reason. */
import { expect, onTestFinished } from 'vitest';
import { dynamo, startCommand, succeed } from './harness/cli.ts';
import type { Up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { test, type World } from './harness/world.ts';

/** An unrelated process that listens; it has the mark of the test and is ended before the oracle checks. */
async function holder(world: World, port: number): Promise<{ pid: number; end: () => Promise<void> }> {
  const code = `require('net').createServer().listen(${port}, '127.0.0.1', () => console.log('listening'))`;
  const session = startCommand(world, [process.execPath, '-e', code], { cwd: '/' });
  await session.until(/listening/);
  const end = async (): Promise<void> => {
    session.child.kill('SIGKILL');
    await session.ended;
  };
  onTestFinished(end);
  return { pid: session.pid, end };
}

test('a busy --http-port exits with 75 and names the pid and command that use it', async ({ world }) => {
  const port = await freePort();
  const { pid, end } = await holder(world, port);
  const { code, stderr, stdout } = await dynamo(world, [
    'up',
    'agg',
    '-d',
    '--engine',
    'sim',
    '--http-port',
    String(port),
  ]);
  expect({ code, stdout }).toEqual({ code: 75, stdout: '' });
  expect(stderr).toContain(`pid ${pid} (`);
  expect(stderr).toContain("require('net')");
  await end();
});

test('a busy port of a profile moves to the next free one, with the reason', async ({ world }) => {
  const port = await freePort();
  const { pid, end } = await holder(world, port);
  const words = ['up', 'agg', '-d', '--json', '--engine', 'sim', '--set', `httpPort=${port}`];
  const { stdout, stderr } = await succeed(world, words);
  const { url } = JSON.parse(stdout) as Up;
  expect(Number(new URL(url).port)).toBeGreaterThan(port);
  expect(stderr).toMatch(new RegExp(`^http port +\\d+ +${port} is in use by pid ${pid} \\(`, 'm'));
  await succeed(world, ['down']);
  await end();
});

test('the default port is 8000, or the next free one with the reason', async ({ world }) => {
  const { stdout } = await succeed(world, ['plan', 'agg', '--engine', 'sim']);
  const usual = /^URL +http:\/\/127\.0\.0\.1:8000$/m.test(stdout);
  const moved = /^http port +\d+ +8000 is in use by /m.test(stdout);
  expect(usual !== moved, stdout).toBe(true);
});
