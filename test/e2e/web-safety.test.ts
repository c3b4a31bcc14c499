/** The embedded engine refuses requests from web pages of other sites and serves every kind of client. */
import { request } from 'node:http';
import { expect } from 'vitest';
import { executable, startCommand, succeed } from './harness/cli.ts';
import { textBelow, up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { test } from './harness/world.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

type Headers = Readonly<Record<string, string>>;

/** `fetch` does not allow setting Host. */
async function send(url: string, headers: Headers, body?: string): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const call = request(
      url,
      { method: body === undefined ? 'GET' : 'POST', agent: false, headers },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.once('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    call.once('error', reject);
    call.end(body);
  });
}

const json = { 'content-type': 'application/json' };
const chatOf = (model: string): string =>
  JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello!' }], max_tokens: 4 });

test('on loopback, a foreign Host is refused with the reason', async ({ world }) => {
  const { url, model, client, processes } = await up(world, 'agg');
  const { port } = new URL(url);
  const chat = `${url}/v1/chat/completions`;
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    '192.0.2.7',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
  ]) {
    for (const path of ['/v1/models', '/metrics', '/health', '/live'])
      expect(await send(url + path, { host }), `${host} ${path}`).toMatchObject({ status: 403 });
    const { status, body } = await send(chat, { ...json, host }, chatOf(model));
    expect(status, host).toBe(403);
    expect(JSON.parse(body)).toMatchObject({
      error: {
        code: 'foreign_host',
        message: expect.stringContaining(`Host ${JSON.stringify(host)} is not this machine`),
      },
    });
  }
  for (const host of [
    'localhost',
    `localhost:${port}`,
    'LOCALHOST.',
    '127.0.0.1',
    `127.1.2.3:${port}`,
    '[::1]',
    `[::1]:${port}`,
  ]) {
    expect((await send(`${url}/v1/models`, { host })).status, host).toBe(200);
    expect((await send(chat, { ...json, host }, chatOf(model))).status, host).toBe(200);
  }
  const system = processes.find(({ name }) => name === 'worker')?.ports['system'];
  expect((await send(`http://127.0.0.1:${system}/metrics`, { host: 'evil.example' })).status).toBe(403);
  expect((await client.models.list()).data).toHaveLength(1);
  expect(textBelow(world.state)).toContain('evil.example');
  await succeed(world, ['down']);
});

test('pages of other sites cannot post, neither as a form nor with a header that identifies them', async ({
  world,
}) => {
  const { url, model } = await up(world, 'agg');
  const chat = `${url}/v1/chat/completions`;
  const post = async (headers: Headers): Promise<number> => (await send(chat, headers, chatOf(model))).status;
  // Requests that a page may send to any address without a preflight request.
  for (const type of [
    'text/plain',
    'text/plain; x=application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
  ])
    expect(await post({ 'content-type': type }), type).toBe(415);
  expect(await post({})).toBe(415);
  for (const origin of [
    'https://evil.example',
    'null',
    'http://192.0.2.7:8000',
    'http://localhost.evil.example',
  ])
    expect(await post({ ...json, origin }), origin).toBe(403);
  expect(await post({ ...json, 'sec-fetch-site': 'cross-site' })).toBe(403);
  const { body } = await send(chat, { ...json, origin: 'https://evil.example' }, chatOf(model));
  expect(JSON.parse(body)).toMatchObject({ error: { code: 'foreign_origin' } });
  for (const headers of [
    {},
    { origin: 'http://localhost:3000' },
    { origin: url },
    { 'sec-fetch-site': 'none' },
  ])
    expect(await post({ ...json, ...headers }), JSON.stringify(headers)).toBe(200);
  expect(await post({ 'content-type': 'application/json; charset=utf-8' })).toBe(200);
  await succeed(world, ['down']);
});

test('--http-host opens the network with a warning; pages of other sites still cannot post', async ({
  world,
}) => {
  const { url, model, notes } = await up(world, 'agg', ['--http-host', '0.0.0.0']);
  expect(notes).toMatch(/^http host +0\.0\.0\.0 +.*anyone .*there is no password/m);
  expect(notes).toMatch(/^warning: .*0\.0\.0\.0.*anyone/m);
  const chat = `${url}/v1/chat/completions`;
  expect((await send(chat, { ...json, host: 'gpu7.example' }, chatOf(model))).status).toBe(200);
  const same = { ...json, host: 'gpu7.example:8000', origin: 'http://gpu7.example:8000' };
  expect((await send(chat, same, chatOf(model))).status).toBe(200);
  expect((await send(chat, { ...json, origin: 'https://evil.example' }, chatOf(model))).status).toBe(403);
  expect((await send(chat, { 'content-type': 'text/plain' }, chatOf(model))).status).toBe(415);
  await succeed(world, ['down']);
  const { stdout } = await succeed(world, ['plan', 'agg', '--engine', 'sim', '--http-host', '::']);
  expect(stdout).toMatch(/http host +:: +.*anyone/);
  const loopback = await succeed(world, ['plan', 'agg', '--engine', 'sim', '--http-host', 'localhost']);
  expect(loopback.stdout).not.toContain('anyone');
});

test('the panel shows the local address and who else can connect', async ({ world }) => {
  const port = await freePort();
  const words = ['up', 'agg', '--engine', 'sim', '--detach', '--quiet', '--http-port', String(port)];
  const { stdout, stderr } = await succeed(world, [...words, '--http-host', '0.0.0.0']);
  // Also with --quiet.
  expect(stderr).toMatch(/^warning: --http-host 0\.0\.0\.0: anyone who can reach an address of this host/);
  expect(stdout + stderr).toContain(
    `http://127.0.0.1:${port} here; port ${port} on every address of this host`,
  );
  expect((await send(`http://127.0.0.1:${port}/v1/models`, {})).status).toBe(200);
  await succeed(world, ['down']);
});

test('curl as documented and `dynamo chat` work', async ({ world }) => {
  const { url, model } = await up(world, 'agg');
  const words = [
    'curl',
    '-s',
    `${url}/v1/chat/completions`,
    '-H',
    'Content-Type: application/json',
    '-d',
    chatOf(model),
  ];
  const { stdout } = await startCommand(world, words).ended;
  expect(stdout).toContain('chat.completion');
  expect(
    (await startCommand(world, ['sh', '-c', `echo Hello | node ${executable} chat`]).ended).stdout,
  ).not.toBe('');
  await succeed(world, ['down']);
});
