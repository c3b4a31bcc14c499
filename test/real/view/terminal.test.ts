/** Choosing a profile and chatting in a real terminal, keys and Ctrl-C included. Needs `script` (bsdutils). */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect } from 'vitest';
import { executable, type Session, startCommand, succeed } from '../../e2e/harness/cli.ts';
import { onSim, up } from '../../e2e/harness/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { until } from '../../support/until.ts';
import { standIn, test, type World } from '../../e2e/harness/world.ts';

function inTerminal(
  world: World,
  words: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Session & { type(keys: string): void } {
  const line = `stty cols 60 rows 12; exec node ${executable} ${words.join(' ')}`;
  const session = startCommand(world, ['script', '-qec', line, '/dev/null'], {
    env: { PATH: `${world.bin}:/usr/bin:/bin`, TERM: 'xterm', ...more },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return { ...session, type: (keys) => session.child.stdin?.write(keys) };
}

const down = '\u001B[B';

test('open: a browser gets an existing page', async ({ world }) => {
  const opened = join(world.work, 'opened');
  standIn(world, 'xdg-open', `#!/bin/sh\necho "$1" > ${opened}.part && mv ${opened}.part ${opened}\n`);
  const { url } = await up(world, 'agg');
  const session = inTerminal(world, ['open'], { DISPLAY: ':7' });
  expect(await session.ended).toMatchObject({ code: 0, stdout: `${url}\r\n` });
  const page = await until('the browser', () => existsSync(opened) && readFileSync(opened, 'utf8').trim());
  expect(page).toBe(`${url}/v1/models`);
  expect((await fetch(page)).status).toBe(200);
  await succeed(world, ['down', '--quiet']);
});

test('up without a profile: a profile is chosen with keys, and starts', async ({ world }) => {
  const session = inTerminal(world, ['up', '--detach', ...(await onSim())]);
  await session.until(/❯ +1 +agg /);
  session.type(down);
  await session.until(/❯ +2 +agg_router/);
  session.type('12');
  await session.until(/❯ 12 +vision/);
  session.type('5\r');
  await session.until(/dynamo up disagg\r\n/);
  const { code, stdout } = await session.ended;
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('is ready') });
  await succeed(world, ['down', '--quiet']);
});

test('up without a profile: Ctrl-C exits without starting anything', async ({ world }) => {
  const session = inTerminal(world, ['up', ...(await onSim())]);
  await session.until(/❯ +1 +agg /);
  session.type('\u0003');
  expect((await session.ended).code).toBe(130);
});

test('chat: Ctrl-C ends only the answer, Ctrl-D exits', async ({ world }) => {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    const piece = JSON.stringify({ choices: [{ delta: { content: `answer ${asked}` } }] });
    response.write(`data: ${piece}\n\n`);
    // The first answer never ends.
    if (asked > 1) response.end('data: [DONE]\n\n');
  });
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const session = inTerminal(world, ['chat', '--url', `http://127.0.0.1:${port}`, '--model', 'm']);
  try {
    await session.until(/> /);
    session.type('hello\r');
    await session.until(/answer 1/);
    session.type('\u0003');
    // A prompt after the answer: the second one.
    await session.until(/answer 1[^]*> /);
    session.type('again\r');
    await session.until(/answer 2[^]*> /);
    session.type('\u0004');
    expect((await session.ended).code).toBe(0);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
