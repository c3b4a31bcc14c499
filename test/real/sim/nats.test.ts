import { describe, expect, test } from 'vitest';
import { ask, deploy, listed, longPrompt, metric, model } from '../../integration/sim/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { start, temporaryFolder, until } from '../../integration/sim/processes.ts';
import { keysIn, startEtcd } from '../support/etcd.ts';
import { startNats, type Nats } from '../support/nats.ts';
import { binaries } from '../support/server.ts';

const [etcdBinary = 'etcd'] = binaries('etcd');
const kvFlags = ['--router-mode', 'kv'];
const fields = { nvext: { extra_fields: ['worker_id'] }, max_tokens: 1 };

/** The worker that answered; its id does not fit into a number. */
async function workerOf(url: string, document: string): Promise<string> {
  return /"decode_worker_id":(\d+)/.exec(await (await ask(url, document, fields)).text())?.[1] ?? '';
}

/** A frontend that sees a document for the first time can only know from events that a worker has it cached. */
async function expectsHit(url: string, document: string): Promise<boolean> {
  const name = 'dynamo_component_router_kv_hit_rate_sum';
  const before = await metric(url, name);
  await workerOf(url, document);
  return (await metric(url, name)) > before + 0.5;
}

function documents(word: string): string[] {
  return Array.from({ length: 30 }, (_, index) => longPrompt(`${word}${index}x`));
}

/** A second frontend, once it follows all workers. */
async function secondFrontend(
  env: Readonly<Record<string, string>>,
  nats: Nats,
  workers: number,
): Promise<string> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  start(['frontend', '--http-port', String(port), ...kvFlags], { DYN_NAMESPACE: 'dynamo', ...env });
  await until('it lists the model', async () => (await listed(url)).length === 1);
  await until('it listens', async () => {
    const subjects = (await nats.subscriptions()).filter((one) => /\.kv-events\.[0-9a-f]+$/.test(one));
    return subjects.length === 2 * workers;
  });
  return url;
}

describe.each(binaries('nats-server'))('%s', (binary) => {
  test('with etcd and NATS: a known prefix is routed to its worker, even by a later frontend', async () => {
    const [etcd, nats] = [await startEtcd(etcdBinary), await startNats(binary)];
    const env = { ...etcd.env, ...nats.env };
    const worker = ['--kv-events'];
    const { url } = await deploy([worker, worker, worker], kvFlags, env);
    await until('all is announced', async () => (await keysIn(etcd.url)).length === 12);
    const channels = (await keysIn(etcd.url)).filter(({ key }) => key.startsWith('v1/event_channels/'));
    for (const { value } of channels) {
      expect(value).toContain('"nats":"namespace.dynamo.component.backend.endpoint.generate.kv-events.');
    }
    const known = documents('old');
    const places = [];
    for (const document of known) places.push(await workerOf(url, document));
    expect(new Set(places).size).toBe(3);
    const again = [];
    for (const document of known) again.push(await workerOf(url, document));
    expect(again).toEqual(places);

    // A frontend learns what happened before its start; its first requests may be earlier than that.
    const later = await secondFrontend(env, nats, 3);
    let next = 0;
    await until('it has been told', () => expectsHit(later, known[next++] ?? ''));
    expect(await workerOf(later, known[next] ?? '')).toBe(places[next]);
    // And what happens while it runs.
    const fresh = documents('new');
    next = 0;
    await until('it follows', async () => {
      const document = fresh[next++] ?? '';
      await workerOf(url, document);
      return expectsHit(later, document);
    });
  });

  test('NATS lost and back: requests continue, and missed events are sent again', async () => {
    const nats = await startNats(binary);
    const env = { DYN_DISCOVERY_BACKEND: 'file', DYN_FILE_KV: temporaryFolder(), ...nats.env };
    const { url, workers, frontend } = await deploy([['--kv-events']], kvFlags, env);
    const later = await secondFrontend(env, nats, 1);
    await nats.server().kill();
    await until('it is noticed', () =>
      [frontend, ...workers].every(({ log }) => log().includes('lost connection to NATS; reconnecting')),
    );
    const meanwhile = documents('down');
    for (const document of meanwhile) expect((await ask(url, document, fields)).status).toBe(200);
    await nats.restart();
    await until('it is back', () =>
      [frontend, ...workers].every(({ log }) => log().includes('reconnected to NATS')),
    );
    let next = 0;
    await until('the other frontend has been told', () => expectsHit(later, meanwhile[next++] ?? ''));
    expect([frontend, ...workers].map(({ child }) => child.exitCode)).toEqual([null, null]);
    workers[0]?.child.kill('SIGTERM');
    frontend.child.kill('SIGTERM');
    expect(await Promise.all([frontend.exit, workers[0]?.exit])).toMatchObject([{ code: 0 }, { code: 0 }]);
  });

  test('credentials from variables and from the URL; wrong ones are an error', async () => {
    const nats = await startNats(binary, ['--user', 'somebody', '--pass', 'secret-word']);
    const env = { DYN_FILE_KV: temporaryFolder(), ...nats.env };
    const argv = ['worker', '--model-path', model];
    const right = [
      start(argv, { ...env, NATS_AUTH_USERNAME: 'somebody', NATS_AUTH_PASSWORD: 'secret-word' }),
      start(argv, { ...env, NATS_SERVER: `nats://somebody:secret-word@${nats.address}` }),
    ];
    const wrong = start(argv, { ...env, NATS_STARTUP_CONNECT_TIMEOUT_SECONDS: '1' });
    for (const { log } of right) {
      await until('it is registered', () => log().includes('Registered endpoint'));
      expect(log()).not.toMatch(/WARN|secret-word/);
    }
    expect(await wrong.exit).toMatchObject({ code: 1 });
    await until('the reason is read', () => /authorization/i.test(wrong.log()));
  });
});

test('no NATS: retried, then exits with 1 and the message of upstream; a signal meanwhile is a clean exit', async () => {
  const nowhere = { DYN_EVENT_PLANE: 'nats', NATS_SERVER: `nats://127.0.0.1:${await freePort()}` };
  const env = { DYN_FILE_KV: temporaryFolder(), ...nowhere };
  const patient = start(['worker', '--model-path', model], env);
  const hasty = start(['frontend', '--http-port', '0'], {
    ...env,
    NATS_STARTUP_CONNECT_TIMEOUT_SECONDS: '1',
  });
  expect(await hasty.exit).toMatchObject({ code: 1 });
  await until('its words are read', () =>
    /Exception: NATS startup connection timed out after 1 seconds \(\d+ attempts\)/.test(hasty.log()),
  );
  expect(hasty.log()).not.toContain('Starting HTTP(S) service');
  await until('it tries again', () => patient.log().includes('NATS not reachable yet; retrying startup'));
  patient.child.kill('SIGTERM');
  expect(await patient.exit).toMatchObject({ code: 0 });
});
