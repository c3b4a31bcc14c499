/** The server of `dynamo ui` without a browser: who may use it, what it answers, and that ending it harms no run. */
import { expect } from 'vitest';
import { dynamo } from './harness/cli.ts';
import { ps, up } from './harness/deployment.ts';
import { ask, type Asked, follow, leave, servePage } from './harness/page.ts';
import { test } from './harness/world.ts';
import { until } from '../support/until.ts';

const json = { 'content-type': 'application/json' };

test('only whoever has the link may read or act, and only from the page itself', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  const served = await servePage(world);
  const { port, cookie, token } = served;
  const host = `127.0.0.1:${port}`;
  const status = async (asked: Asked): Promise<number> => (await ask(port, asked)).status;

  // Without the token, or with another one: nothing, not even the page.
  for (const path of [
    '/',
    '/page.js',
    '/api/stream',
    `/api/logs?run=${runId}&at=0`,
    '/?token=wrong',
    '/?token=',
  ])
    expect(await status({ path }), path).toBe(401);
  expect(await status({ path: `/api/stream?token=${token}` })).toBe(401);
  expect(await status({ headers: { cookie: `${cookie}x` } })).toBe(401);
  const login = await ask(port, { path: `/?token=${token}` });
  expect(login.status).toBe(303);
  expect(login.headers['location']).toBe('./');
  expect(String(login.headers['set-cookie'])).toMatch(
    /^dynamo-ui-\d+=[\w-]+; Path=\/; HttpOnly; SameSite=Strict$/,
  );
  const page = await ask(port, { headers: { cookie } });
  expect(page.status).toBe(200);
  expect(page.text).toContain('<script type="module" src="page.js">');

  // DNS rebinding: a page of another name that resolves to this host.
  for (const name of [
    'evil.example',
    `evil.example:${port}`,
    'localhost.evil.example',
    '10.0.0.1',
    '127.0.0.1.evil.example',
  ])
    expect(await status({ headers: { cookie, host: name } }), name).toBe(403);
  for (const name of [`localhost:${port}`, `[::1]:${port}`, '127.0.0.1:9999'])
    expect(await status({ headers: { cookie, host: name } }), name).toBe(200);

  // Other sites, also with the cookie.
  for (const headers of [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: `http://localhost:${port}` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])
    expect(
      await status({ path: '/api/stream', headers: { cookie, ...headers } }),
      JSON.stringify(headers),
    ).toBe(403);

  // What changes something: JSON from the page, and nothing else.
  const post = async (
    headers: Record<string, string>,
    path = '/api/down',
    method = 'POST',
  ): Promise<number> =>
    await status({ method, path, headers: { cookie, ...headers }, body: JSON.stringify({ run: runId }) });
  const origin = `http://${host}`;
  expect(await post({ ...json })).toBe(403);
  expect(await post({ ...json, origin: 'http://evil.example' })).toBe(403);
  expect(await post({ ...json, origin: 'https://127.0.0.1' })).toBe(403);
  expect(await post({ ...json, origin, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).toBe(
    403,
  );
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/jsonx',
  ])
    expect(await post({ 'content-type': type, origin }), type).toBe(415);
  for (const method of ['DELETE', 'PUT', 'PATCH', 'OPTIONS'])
    expect(await post({ ...json, origin }, '/api/down', method), method).toBe(405);
  expect(await status({ method: 'POST', path: '/api/down', headers: { ...json, origin }, body: '{}' })).toBe(
    401,
  );
  expect(await post({ ...json, origin }, '/api/nothing')).toBe(404);
  expect((await ps(world))[0]?.state).toBe('ready');

  // With all of it, it works; and nothing has CORS headers.
  const done = await ask(port, {
    method: 'POST',
    path: '/api/down',
    headers: { ...json, cookie, origin },
    body: JSON.stringify({ run: runId }),
  });
  expect(done).toMatchObject({ status: 200, text: '{}' });
  expect(Object.keys(done.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  await until('the run has ended', async () => (await ps(world)).length === 0);
  await leave(served);
});

test('every answer has a strict policy, and paths lead nowhere else', async ({ world }) => {
  const served = await servePage(world);
  const { port, cookie } = served;
  for (const path of ['/', '/page.js', '/page.css', '/icon.svg', '/nothing', '/api/logs']) {
    const { headers } = await ask(port, { path, headers: { cookie } });
    const policy = String(headers['content-security-policy']);
    expect(policy, path).toContain("default-src 'none'");
    expect(policy, path).toContain("script-src 'self';");
    expect(policy, path).not.toMatch(/unsafe|https?:|\*/);
    expect(headers, path).toMatchObject({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
  }
  for (const path of [
    '/../package.json',
    '/%2e%2e/main.js',
    '/page/../../main.js',
    '/main.js',
    '//evil.example/',
    '/index.html/x',
  ])
    expect((await ask(port, { path, headers: { cookie } })).status, path).toBe(404);
  const page = await ask(port, { path: '/', headers: { cookie } });
  // Everything comes from the package.
  expect(page.text).not.toMatch(/https?:|\bon\w+=|<style|<script>/);
  await leave(served);
});

test('the page shows runs that start and end while it is open; killing it harms none', async ({ world }) => {
  const served = await servePage(world);
  const stream = follow(served, '/api/stream');
  await stream.until(/"type":"runs","runs":\[\]/);
  const { runId } = await up(world, 'agg', ['--name', 'mine']);
  await stream.until(/"name":"mine".*"state":"ready"/);
  stream.leave();
  const whole = follow(served, `/api/stream?run=${runId}`);
  await whole.until(/"type":"run","run":.*"model":/);
  await whole.until(/"type":"events".*"type":"ready".*"reset":true/);
  await whole.until(/"type":"logs".*Registered endpoint/);
  await whole.until(/"type":"figures".*"memoryBytes":\d/);
  served.session.child.kill('SIGKILL');
  await served.session.ended;
  expect((await ps(world))[0]).toMatchObject({ state: 'ready', name: 'mine' });
  await dynamo(world, ['down', '--quiet']);

  // The ended run stays readable.
  const again = await servePage(world, 'mine');
  expect(again.session.stdout()).toContain(`#/${runId}`);
  const ended = follow(again, `/api/stream?run=${runId}`);
  await ended.until(/"type":"events".*"type":"stopped"/);
  await ended.until(/"type":"logs".*Registered endpoint/);
  ended.leave();
  const gone = follow(again, '/api/stream?run=nobody-abcd');
  await gone.until(/"type":"no-run"/);
  gone.leave();
  await leave(again);
});

test('a port in use, a wrong port and a run that does not exist', async ({ world }) => {
  const served = await servePage(world);
  const busy = await dynamo(world, ['ui', '--no-browser', '--port', String(served.port)]);
  expect(busy.code).toBe(75);
  expect(busy.stderr).toContain(`Port ${served.port} of 127.0.0.1 is in use.`);
  expect((await dynamo(world, ['ui', '--port', '70000'])).code).toBe(64);
  expect((await dynamo(world, ['ui', 'nobody'])).stderr).toContain('There is no run "nobody".');
  await leave(served);
});
