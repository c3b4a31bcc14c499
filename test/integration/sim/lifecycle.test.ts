import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { childrenOf, isLiving, livingProcess } from '../../oracle/proc.ts';
import { ask, deploy, generateInstances, listed, model, startWorker } from './deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { remember, start, temporaryFolder, until } from './processes.ts';

const slow = ['--tokens-per-second', '40'];
const files = (folder: string): string[] =>
  ['instances', 'mdc', 'event_channels']
    .flatMap((bucket) => readdirSync(join(folder, 'v1', bucket)))
    .filter((name) => !name.startsWith('.tmp_'));

test('an idle frontend and worker exit at once with 0 and remove their files', async () => {
  const { frontend, workers, env } = await deploy([['--kv-events']]);
  // The frontend knows a worker by its first file; the others follow soon.
  await until('all is announced', async () => files(env['DYN_FILE_KV'] ?? '').length === 4);
  const started = performance.now();
  frontend.child.kill('SIGTERM');
  workers[0]?.child.kill('SIGINT');
  const ends = await Promise.all([frontend.exit, workers[0]?.exit]);
  for (const end of ends) expect(end).toMatchObject({ code: 0, signal: null });
  expect(Math.max(...ends.map((end) => end?.at ?? 0)) - started).toBeLessThan(5_000);
  expect(files(env['DYN_FILE_KV'] ?? '')).toEqual([]);
});

test('a draining frontend refuses new requests, finishes open ones, and ignores a second signal', async () => {
  const { url, frontend } = await deploy([slow]);
  const stream = await ask(url, 'Hello', { stream: true, max_tokens: 40 });
  frontend.child.kill('SIGTERM');
  const live = await until('it drains', async () => {
    const response = await fetch(`${url}/live`);
    return response.status === 503 && response;
  });
  expect(await live.json()).toEqual({ status: 'shutting_down', message: 'Service is shutting down' });
  expect((await fetch(`${url}/health`)).status).toBe(503);
  expect((await ask(url, 'Hello')).status).toBe(503);
  frontend.child.kill('SIGTERM');
  const text = await stream.text();
  expect(text.match(/"content"/g)).toHaveLength(40);
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  expect(await frontend.exit).toMatchObject({ code: 0 });
});

test('a draining worker unregisters and closes its status port at once, and finishes its stream', async () => {
  const { url, workers } = await deploy([slow]);
  const worker = workers[0];
  const stream = await ask(url, 'Hello', { stream: true, max_tokens: 40 });
  worker?.child.kill('SIGTERM');
  await until('it is unregistered', async () => (await generateInstances(url)) === 0);
  await expect(fetch(`${worker?.status}/health`)).rejects.toThrow('fetch failed');
  expect(worker?.child.exitCode).toBeNull();
  expect((await stream.text()).match(/"content"/g)).toHaveLength(40);
  expect(await worker?.exit).toMatchObject({ code: 0 });
});

test('a stream on a killed worker ends with an error event', async () => {
  const { url, workers } = await deploy([slow]);
  const stream = await ask(url, 'Hello', { stream: true, max_tokens: 1000 });
  workers[0]?.child.kill('SIGKILL');
  const text = await stream.text();
  expect(text).toContain('"message":"Service temporarily unavailable"');
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  expect((await ask(url, 'Hello')).status).toBe(503);
});

test('a loading worker answers notready and is not registered', async () => {
  const { url, env } = await deploy([]);
  const worker = await startWorker(['--startup-time', '0.5'], env);
  const loading = await until('the status port answers', () => fetch(`${worker.status}/health`));
  expect(loading.status).toBe(503);
  expect(loading.headers.get('content-type')).toContain('text/plain');
  expect(await loading.json()).toMatchObject({ status: 'notready', endpoints: {} });
  expect(await generateInstances(url)).toBe(0);
  await until('it is ready', async () => (await fetch(`${worker.status}/live`)).status === 200);
  await until('the model is listed', async () => (await listed(url)).length === 1);
});

test('start-up errors have the messages of upstream', async () => {
  const taken = createServer();
  onTestFinished(() => void taken.close());
  const port = await freePort();
  await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
  const env = { DYN_FILE_KV: temporaryFolder() };
  const cases: [argv: string[], env: Record<string, string>, code: number, text: string][] = [
    [
      ['frontend', '--http-port', String(port)],
      {},
      1,
      `Failed to start HTTP server: port ${port} already in use.`,
    ],
    [
      ['worker', '--model-path', model],
      { DYN_SYSTEM_PORT: '40000' },
      1,
      'invalid value unsigned int `40000`, expected i16',
    ],
    [['frontend'], { DYN_DISCOVERY_BACKEND: 'mem' }, 1, 'DYN_DISCOVERY_BACKEND=mem'],
    [['worker'], {}, 2, '--model-path'],
    [
      ['worker', '--model-path', model, '--mode', 'both'],
      {},
      2,
      'argument --mode: expected one of aggregated',
    ],
    [['frontend', '--http-port', 'abc'], {}, 2, 'argument --http-port'],
    [['worker', '--model-path', model, '--crash-after', '0'], {}, 1, 'RuntimeError: simulated crash'],
    [['worker', '--model-path', model, '--exit-after', '0', '--exit-code', '7'], {}, 7, ''],
  ];
  for (const [argv, more, code, text] of cases) {
    const started = start(argv, { ...env, ...more });
    expect([(await started.exit).code, argv]).toEqual([code, argv]);
    await until('its words are read', () => started.log().includes(text));
  }
});

test('a status port in use and unknown flags are only logged', async () => {
  const { url, workers, env } = await deploy([[]]);
  const port = new URL(workers[0]?.status ?? '').port;
  const second = start(['worker', '--model-path', model, '--trust-remote-code', '--tp', '2'], {
    ...env,
    DYN_SYSTEM_PORT: port,
  });
  await until('both serve', async () => (await generateInstances(url)) === 2);
  expect(second.log().match(/ERROR/g)).toHaveLength(2);
  expect(second.log()).toContain('Address already in use (os error 98)');
  expect(second.log()).toContain('ignoring --tp: sim does not support it');
});

test('injected faults: ignoring SIGTERM, hanging, children inside and outside the group', async () => {
  const flags = ['--ignore-sigterm', '--hang-after', '0', '--spawn-children', '2', '--escape-children', '1'];
  const { url, workers } = await deploy([flags]);
  const worker = workers[0];
  const pid = worker?.pid ?? 0;
  const children = await until('it has children', () => {
    const found = childrenOf(pid);
    return found.length === 3 && found;
  });
  children.forEach(remember);
  const groups = children.map((child) => livingProcess(child)?.group);
  expect(groups.filter((group) => group === pid)).toHaveLength(2);
  worker?.child.kill('SIGTERM');
  await until('it has heard the signal', () => worker?.log().includes('SIGTERM ignored'));
  await expect(
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'x' }] }),
      signal: AbortSignal.timeout(200),
    }),
  ).rejects.toThrow('timeout');
  expect((await fetch(`${worker?.status}/health`)).status).toBe(200);
  worker?.child.kill('SIGKILL');
  await worker?.exit;
  expect(children.every(isLiving)).toBe(true);
});

test('logs: JSON lines on request, no colour, filtered by DYN_LOG', async () => {
  const env = { DYN_FILE_KV: temporaryFolder(), DYN_LOGGING_JSONL: '1' };
  const loud = start(['frontend', '--http-port', '0'], env);
  await until('it has started', () => loud.log().includes('Starting'));
  expect(JSON.parse(loud.log().split('\n')[0] ?? '')).toMatchObject({
    level: 'INFO',
    message: 'Starting HTTP(S) service',
  });
  const quiet = start(['frontend', '--http-port', '0', '--bogus'], { ...env, DYN_LOG: 'error' });
  quiet.child.stdout?.destroy();
  quiet.child.stderr?.destroy();
  const calm = start(['worker', '--model-path', model, '--exit-after', '0.3', '--bogus'], {
    ...env,
    DYN_LOG: 'error',
  });
  await calm.exit;
  expect(calm.log()).toBe('');
  expect(isLiving(quiet.pid)).toBe(true);
});
