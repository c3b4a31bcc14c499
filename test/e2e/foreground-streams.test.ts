/** What goes to stdout and what to stderr, with and without colours, and when a stream is closed. */
import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import { dynamo, executable, start, startCommand, succeed } from './harness/cli.ts';
import { clientOf, up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { until } from '../support/until.ts';
import { test } from './harness/world.ts';

const escape = '\u001B';
const dynamoWords = `node ${executable}`;

test('a foreground run prints panel and logs to stdout, choices and progress to stderr, without ANSI', async ({
  world,
}) => {
  const port = await freePort();
  const session = start(world, ['up', 'agg', '--engine', 'sim', '--http-port', String(port)]);
  await session.until(/is ready after/);
  const client = clientOf(`http://127.0.0.1:${port}`);
  const model = 'Qwen/Qwen3-0.6B';
  await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'x' }], max_tokens: 3 });
  await session.until(/^frontend \| .*POST.*\/v1\/chat\/completions/m);
  process.kill(session.pid, 'SIGINT');
  const { code, stdout, stderr } = await session.ended;
  expect(code).toBe(130);
  expect(stdout).toMatch(/^✔ agg-\w+ is ready after /);
  expect(stdout).toContain(`http://127.0.0.1:${port}`);
  expect(stdout).toContain('curl ');
  expect(stdout).toContain('frontend | ');
  expect(stdout).not.toMatch(/worker started/);
  expect(stderr).toMatch(/^engine +sim +--engine sim$/m);
  expect(stderr).toMatch(/worker started \(pid \d+\)/);
  expect(stderr).not.toContain('curl ');
  expect(stdout + stderr).not.toContain(escape);
});

test('the curl command of the panel works in a shell', async ({ world }) => {
  const port = String(await freePort());
  const { stdout } = await succeed(world, ['up', 'vision', '-d', '--engine', 'sim', '--http-port', port]);
  const pasted = stdout.slice(stdout.indexOf('curl '), stdout.indexOf('Running in the background'));
  const curl = await startCommand(world, ['bash', '-c', pasted]).ended;
  expect(curl.stdout).toContain('"chat.completion"');
  await succeed(world, ['down']);
});

test('--quiet prints only the result', async ({ world }) => {
  const port = String(await freePort());
  const brought = await succeed(world, ['up', 'agg', '-d', '-q', '--engine', 'sim', '--http-port', port]);
  expect(brought.stderr).toBe('');
  expect(brought.stdout).toContain(`http://127.0.0.1:${port}`);
  const taken = await succeed(world, ['down', '--quiet']);
  expect(taken.stdout + taken.stderr).toBe('');
});

test('--verbose shows the logs from the first line', async ({ world }) => {
  const port = String(await freePort());
  const session = start(world, ['up', 'agg', '-v', '--engine', 'sim', '--http-port', port]);
  await session.until(/worker +\| .*system status server bound/);
  process.kill(session.pid, 'SIGINT');
  expect(await session.ended).toMatchObject({ code: 130 });
});

test('NO_COLOR takes precedence over FORCE_COLOR, and FORCE_COLOR over a pipe', async ({ world }) => {
  const plan = ['plan', 'agg', '--engine', 'sim'];
  const seen = async (env: Record<string, string>) =>
    (await succeed(world, plan, { env })).stdout.includes(escape);
  expect(await seen({})).toBe(false);
  expect(await seen({ FORCE_COLOR: '1' })).toBe(true);
  expect(await seen({ FORCE_COLOR: '0' })).toBe(false);
  expect(await seen({ FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(false);
  const failed = await dynamo(world, ['up', 'nothing'], { env: { FORCE_COLOR: '1' } });
  expect(failed.stderr).toContain(`${escape}[`);
  expect((await dynamo(world, ['up', 'nothing'])).stderr).not.toContain(escape);
});

test('a terminal shows a live list, and Ctrl-C exits with 130', async ({ world, skip }) => {
  if (!existsSync('/usr/bin/script') && process.env['CI'] === undefined)
    skip('no `script` here to make a terminal');
  const port = String(await freePort());
  const words = `${dynamoWords} up agg --engine sim --http-port ${port}`;
  const argv = ['/usr/bin/script', '-qefc', words, '/dev/null'];
  const session = startCommand(world, argv, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { TERM: 'xterm-256color', SHELL: '/bin/sh' },
  });
  await session.until(/is ready after/);
  expect(session.stdout()).toContain(`${escape}[`);
  session.child.stdin?.write('\u0003');
  expect(await session.ended).toMatchObject({ code: 130 });
});

test('NO_COLOR also applies in a terminal', async ({ world, skip }) => {
  if (!existsSync('/usr/bin/script') && process.env['CI'] === undefined)
    skip('no `script` here to make a terminal');
  const argv = ['/usr/bin/script', '-qefc', `${dynamoWords} plan agg --engine sim`, '/dev/null'];
  const env = { TERM: 'xterm-256color', SHELL: '/bin/sh' };
  const coloured = await startCommand(world, argv, { env }).ended;
  expect(coloured.stdout).toContain(`${escape}[`);
  const plain = await startCommand(world, argv, { env: { ...env, NO_COLOR: '1' } }).ended;
  expect(plain.stdout).not.toContain(escape);
});

test('`up | head -1` stops in order when its output is closed', async ({ world }) => {
  const port = await freePort();
  const script = `${dynamoWords} up agg --engine sim --http-port ${port} | head -1; echo "codes \${PIPESTATUS[*]}"`;
  const session = startCommand(world, ['bash', '-c', script]);
  await session.until(/is ready after/);
  const url = `http://127.0.0.1:${port}/v1/models/none`;
  // It notices with the next log line.
  await until('the run to end', async () => {
    await fetch(url).catch(() => {});
    return /codes/.test(session.stdout());
  });
  const { stdout, stderr } = await session.ended;
  expect(stdout).toMatch(/^✔ agg-\w+ is ready after .*\ncodes 141 0\n$/);
  expect(stderr).toMatch(/stopped: nothing is left\n$/);
});

test('short output into a closed pipe is not an error', async ({ world }) => {
  await up(world, 'agg');
  for (const words of ['plan disagg --engine sim', 'ps', 'logs', '--help', 'profiles']) {
    const script = `${dynamoWords} ${words} | head -c 1 >/dev/null; echo "codes \${PIPESTATUS[*]}"`;
    const { stdout, stderr } = await startCommand(world, ['bash', '-c', script]).ended;
    expect({ words, stdout, stderr }).toEqual({ words, stdout: 'codes 0 0\n', stderr: '' });
  }
  await succeed(world, ['down']);
});

test('closed stdin, stdout or stderr has no effect', async ({ world }) => {
  for (const closed of ['<&-', '>&-', '2>&-', '<&- >&- 2>&-']) {
    const port = await freePort();
    const script = `${dynamoWords} up agg -d --engine sim --http-port ${port} ${closed} && ${dynamoWords} down ${closed}`;
    const { code, stderr } = await startCommand(world, ['bash', '-c', script]).ended;
    expect({ closed, code, stderr: code === 0 ? '' : stderr }).toEqual({ closed, code: 0, stderr: '' });
  }
});
