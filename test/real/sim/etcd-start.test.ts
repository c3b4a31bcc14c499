import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { model } from '../../integration/sim/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { start, temporaryFolder, until } from '../../integration/sim/processes.ts';
import { ask, keysIn, startEtcd } from '../support/etcd.ts';
import { binaries } from '../support/server.ts';

const [binary = 'etcd'] = binaries('etcd');
const argv = ['worker', '--model-path', model];
const retrying = 'WARN dynamo_runtime::transports::etcd: etcd not reachable yet; retrying startup connection';

test('no etcd: retried, then exits with 1 and the message of upstream; a signal meanwhile is a clean exit', async () => {
  const nowhere = {
    DYN_DISCOVERY_BACKEND: 'etcd',
    ETCD_ENDPOINTS: `http://127.0.0.1:${await freePort()}`,
  };
  const patient = start(argv, nowhere);
  const hasty = start(['frontend', '--http-port', '0'], {
    ...nowhere,
    ETCD_STARTUP_CONNECT_TIMEOUT_SECONDS: '1',
  });
  expect(await hasty.exit).toMatchObject({ code: 1 });
  await until('its words are read', () =>
    hasty.log().includes('Exception: etcd startup connection timed out after 1 seconds'),
  );
  expect(hasty.log()).not.toContain('Starting HTTP(S) service');
  await until('it tries again', () => patient.log().includes(retrying));
  patient.child.kill('SIGTERM');
  expect(await patient.exit).toMatchObject({ code: 0 });
});

test('a second endpoint is used if the first is dead; etcd may start late', async () => {
  const etcd = await startEtcd(binary);
  await etcd.server().kill();
  const endpoints = `127.0.0.1:${await freePort()}, ${etcd.url}/`;
  const worker = start(argv, { ...etcd.env, ETCD_ENDPOINTS: endpoints });
  await until('it tries again', () => worker.log().includes(retrying));
  await etcd.restart('kept');
  await until('it is registered', async () => (await keysIn(etcd.url)).length === 2, 30_000);
});

test('with authentication on: the right password registers, a wrong one is an error', async () => {
  const etcd = await startEtcd(binary);
  await ask(etcd.url, '/v3/auth/user/add', { name: 'root', password: 'secret-word' });
  await ask(etcd.url, '/v3/auth/user/grant', { user: 'root', role: 'root' });
  await ask(etcd.url, '/v3/auth/user/add', { name: 'guest', password: 'welcome' });
  await ask(etcd.url, '/v3/auth/enable', {});
  const user = { ...etcd.env, ETCD_AUTH_USERNAME: 'root' };
  const wrong = start(argv, {
    ...user,
    ETCD_AUTH_PASSWORD: 'guess',
    ETCD_STARTUP_CONNECT_TIMEOUT_SECONDS: '1',
  });
  const right = start(argv, { ...user, ETCD_AUTH_PASSWORD: 'secret-word' });
  await until('it is registered', () => right.log().includes('Registered endpoint'));
  expect(right.log()).not.toContain('WARN');
  expect(await wrong.exit).toMatchObject({ code: 1 });
  await until('the reason is read', () => wrong.log().includes('authentication failed'));
  // A user who may log in, and nothing else.
  const guest = start(argv, { ...etcd.env, ETCD_AUTH_USERNAME: 'guest', ETCD_AUTH_PASSWORD: 'welcome' });
  expect(await guest.exit).toMatchObject({ code: 1 });
  await until('it is refused', () => guest.log().includes('Exception: etcdserver: permission denied'));
  expect(right.log() + wrong.log()).not.toMatch(/secret-word|guess/);
  // A restart forgets logins.
  await etcd.server().kill();
  await etcd.restart('kept');
  right.child.kill('SIGTERM');
  expect(await right.exit).toMatchObject({ code: 0 });
  expect(right.log()).not.toContain('failed to revoke lease');
});

test('TLS: registers with the CA certificate; without it, reports the reason', async () => {
  const folder = temporaryFolder();
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const wish = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', files.key, '-out', files.cert, ...wish],
    { stdio: 'ignore' },
  );
  const etcd = await startEtcd(binary, files);
  const env = { ...etcd.env, ETCD_ENDPOINTS: etcd.tlsUrl };
  const trusting = start(argv, { ...env, ETCD_AUTH_CA: readFileSync(files.cert, 'utf8') });
  const wary = start(argv, { ...env, ETCD_STARTUP_CONNECT_TIMEOUT_SECONDS: '1' });
  await until('it is registered', () => trusting.log().includes('Registered endpoint'));
  expect(await keysIn(etcd.url)).toHaveLength(2);
  expect(await wary.exit).toMatchObject({ code: 1 });
  await until('the reason is read', () => wary.log().includes('self-signed certificate'));
});
