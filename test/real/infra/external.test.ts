/** An external etcd and NATS: checked before anything starts, never stopped, left unchanged. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { expect, onTestFinished } from 'vitest';
import { freePort } from '../../e2e/harness/ports.ts';
import { temporaryFolder } from '../../integration/sim/processes.ts';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
import { pidOf, ps, textBelow, up } from '../../e2e/harness/deployment.ts';
import { until } from '../../support/until.ts';
import { test } from '../../e2e/harness/world.ts';
import { makeAuthority } from '../support/certificates.ts';
import { keysIn, lockEtcd, putKey, startEtcd } from '../support/etcd.ts';
import { binaries, startServer } from '../support/server.ts';
import { install, versions } from '../support/installed.ts';
import { fill, makeRoom, startSmallEtcd } from '../support/small-etcd.ts';

const [etcdBinary = 'etcd'] = binaries('etcd');
const [natsBinary = 'nats-server'] = binaries('nats-server');
const external = ['--infra', 'external'];

async function startNats(...flags: readonly string[]): Promise<string> {
  const [port, monitoring] = [await freePort(), await freePort()];
  const listen = ['-a', '127.0.0.1', '-p', String(port), '-m', String(monitoring)];
  await startServer(natsBinary, [...listen, ...flags], `http://127.0.0.1:${monitoring}/healthz`);
  return `127.0.0.1:${port}`;
}

test('external etcd: a separate namespace, none of its keys left afterwards, other keys unchanged', async ({
  world,
}) => {
  const etcd = await startEtcd(etcdBinary);
  await putKey(etcd.url, 'v1/instances/dynamo/backend/generate/1', 'x');
  await putKey(etcd.url, 'unrelated', 'x');
  const { runId, notes } = await up(world, 'agg', external, { env: { ETCD_ENDPOINTS: etcd.url } });
  const namespace = `dynamo-${runId.split('-').at(-1)}`;
  expect(notes).toMatch(/^etcd +external +ETCD_ENDPOINTS=\S+ answers, version \d/m);
  expect(notes).toContain(`${namespace}  other runs may use this etcd`);
  const mine = (await keysIn(etcd.url)).filter(({ key }) => key.includes(namespace));
  expect(mine.map(({ key }) => key)).toContainEqual(expect.stringMatching(`^v1/instances/${namespace}/`));
  // As a killed worker leaves it.
  await putKey(etcd.url, `v1/instances/${namespace}/backend/generate/dead`, 'x');
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toContain(`removed what was left of namespace ${namespace} (keys before: 1, after: 0)`);
  expect((await keysIn(etcd.url)).map(({ key }) => key)).toEqual(['v1/instances/dynamo/backend/generate/1']);
  expect((await fetch(`${etcd.url}/health`)).ok).toBe(true);
});

test('etcd with a password: the right one works and is stored nowhere; a wrong one exits with 69 before anything starts', async ({
  world,
}) => {
  const etcd = await startEtcd(etcdBinary);
  await lockEtcd(etcd.url, 'right-word');
  const address = etcd.url.replace('http://', '');
  const wrong = await dynamo(world, ['up', 'agg', '--engine', 'sim', ...external], {
    env: { ETCD_ENDPOINTS: etcd.url, ETCD_AUTH_USERNAME: 'root', ETCD_AUTH_PASSWORD: 'wrong-word' },
  });
  expect(wrong.code).toBe(69);
  expect(wrong.stderr).toContain('authentication failed');
  expect(wrong.stderr).toContain('export ETCD_AUTH_USERNAME=… ETCD_AUTH_PASSWORD=…');
  expect(await ps(world, '--all')).toEqual([]);
  const none = await dynamo(world, ['up', 'agg', '--engine', 'sim', ...external], {
    env: { ETCD_ENDPOINTS: etcd.url },
  });
  expect(none.code).toBe(69);
  // Credentials are removed from the address.
  const { notes } = await up(world, 'agg', external, {
    env: { ETCD_ENDPOINTS: `http://root:right-word@${address}` },
  });
  const { stdout } = await succeed(world, ['ps', '--json']);
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toContain('no key of namespace');
  expect(textBelow(world.state) + notes + stdout + stderr + wrong.stderr).not.toMatch(/(right|wrong)-word/);
});

test('a full etcd exits with 69 before anything starts', async ({ world }) => {
  const url = await startSmallEtcd(etcdBinary);
  await fill(url);
  const { code, stderr } = await dynamo(world, ['up', 'agg', '--engine', 'sim', ...external], {
    env: { ETCD_ENDPOINTS: url },
  });
  expect(code).toBe(69);
  expect(stderr).toContain('database space exceeded');
  expect(stderr).toMatch(
    /fix: e="etcdctl --endpoints=\S+"; \$e compact .* && \$e defrag && \$e alarm disarm/,
  );
}, 120_000);

test('etcd fills up while a run serves: the run continues; a restarting worker waits for space', async ({
  world,
}) => {
  const url = await startSmallEtcd(etcdBinary);
  const run = await up(world, 'agg', external, { env: { ETCD_ENDPOINTS: url } });
  await fill(url);
  const messages = [{ role: 'user' as const, content: 'Hello!' }];
  const { choices } = await run.client.chat.completions.create({ model: run.model, messages, max_tokens: 8 });
  expect(choices[0]?.message.content).toBeTruthy();
  process.kill(await pidOf(world, 'worker'), 'SIGKILL');
  const said = async (): Promise<boolean> =>
    (await succeed(world, ['logs', 'worker'])).stdout.includes('database space exceeded');
  await until('the new worker says why it waits', said, 40_000);
  await makeRoom(url);
  const isBack = async (): Promise<boolean> => {
    const [row] = await ps(world);
    const worker = row?.processes.find(({ name }) => name === 'worker');
    return worker?.state === 'ready' && worker.restarts === 1;
  };
  await until('the worker is back', isBack, 60_000);
  await succeed(world, ['down']);
}, 180_000);

test('no server: --infra external exits with 69; auto continues with a process and says why', async ({
  world,
}) => {
  const [binaryPair] = versions();
  if (binaryPair !== undefined) install(world, binaryPair);
  const env = { ETCD_ENDPOINTS: `http://127.0.0.1:${await freePort()}` };
  const asked = await dynamo(world, ['up', 'agg', '--engine', 'sim', ...external], { env });
  expect(asked.code).toBe(69);
  expect(asked.stderr).toContain('connection refused');
  const { notes } = await up(world, 'agg', ['--discovery', 'etcd'], { env });
  expect(notes).toMatch(
    /^etcd +process .*; ETCD_ENDPOINTS=\S+: connection refused; no shared one is running/m,
  );
  await succeed(world, ['down']);
});

test('etcd with TLS: needs the CA certificate, and tolerates an additional dead endpoint', async ({
  world,
}) => {
  const folder = temporaryFolder();
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const wish = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', files.key, '-out', files.cert, ...wish],
    { stdio: 'ignore' },
  );
  const etcd = await startEtcd(etcdBinary, files);
  const endpoints = `https://127.0.0.1:${await freePort()},${etcd.tlsUrl}`;
  // Not skipped silently, even if another source is available.
  const wary = await dynamo(world, ['up', 'agg', '--engine', 'sim', '--discovery', 'etcd'], {
    env: { ETCD_ENDPOINTS: endpoints },
  });
  expect(wary.code).toBe(69);
  expect(wary.stderr).toContain('self-signed certificate');
  expect(wary.stderr).toContain('export ETCD_AUTH_CA=ca.pem');
  await up(world, 'agg', external, { env: { ETCD_ENDPOINTS: endpoints, ETCD_AUTH_CA: files.cert } });
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toContain('no key of namespace');
});

test('a server that is not etcd or NATS exits with 69 and is not skipped', async ({ world }) => {
  const server = await startNats();
  const other = createServer((socket) => void socket.end('220 another protocol\r\n'));
  onTestFinished(() => void other.close());
  const port = await freePort();
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
  const plan = async (plane: readonly string[], env: Readonly<Record<string, string>>) =>
    await dynamo(world, ['plan', 'agg', '--engine', 'sim', ...plane], { env });
  const notEtcd = await plan(['--discovery', 'etcd'], { ETCD_ENDPOINTS: `http://${server}` });
  const notNats = await plan(['--events', 'nats'], { NATS_SERVER: `nats://127.0.0.1:${port}` });
  expect([notEtcd.code, notNats.code]).toEqual([69, 69]);
  expect(notEtcd.stderr).toContain(`ETCD_ENDPOINTS=http://${server}: `);
  expect(notNats.stderr).toContain(`NATS_SERVER=nats://127.0.0.1:${port}: `);
});

test('NATS: banner and login are checked, and a wrong token exits with 69', async ({ world }) => {
  const server = await startNats('--auth', 'right-token', '-js', '--store_dir', temporaryFolder());
  const plan = async (env: Readonly<Record<string, string>>) =>
    await dynamo(world, ['plan', 'agg', '--engine', 'sim', '--events', 'nats', ...external], { env });
  const wrong = await plan({ NATS_SERVER: `nats://${server}`, NATS_AUTH_TOKEN: 'wrong-token' });
  expect(wrong.code).toBe(69);
  expect(wrong.stderr).toContain('it refuses us:');
  const right = await plan({ NATS_SERVER: `nats://right-token@${server}` });
  expect(right.stdout).toMatch(
    /^nats +external .*version \d\S*, with JetStream, takes only 1024 KiB a message$/m,
  );
  expect(wrong.stderr + right.stdout).not.toMatch(/(right|wrong)-token/);
});

test('NATS: a login by nkey is checked, and an unknown key exits with 69', async ({ world }) => {
  const [known, other] = [nkeys.createUser(), nkeys.createUser()];
  const config = join(temporaryFolder(), 'nats.conf');
  writeFileSync(config, `authorization { users: [{ nkey: ${known.getPublicKey()} }] }\n`);
  const server = await startNats('-c', config);
  const plan = async (key: typeof known) =>
    await dynamo(world, ['plan', 'agg', '--engine', 'sim', '--events', 'nats', ...external], {
      env: { NATS_SERVER: server, NATS_AUTH_NKEY: new TextDecoder().decode(key.getSeed()) },
    });
  expect((await plan(known)).stdout).toMatch(/^nats +external .*version \d/m);
  const refused = await plan(other);
  expect(refused.code).toBe(69);
  expect(refused.stderr).toContain('it refuses us: Authorization Violation');
});

test('NATS: TLS is used if the server requires it, not if it only offers it; a server that hangs is skipped', async ({
  world,
}) => {
  const { ca, cert, key } = makeAuthority(temporaryFolder())('server');
  const config = join(temporaryFolder(), 'nats.conf');
  writeFileSync(config, `allow_non_tls: true\ntls { cert_file: "${cert}", key_file: "${key}" }\n`);
  const either = await startNats('-c', config);
  const plan = async (env: Readonly<Record<string, string>>) =>
    await dynamo(world, ['plan', 'agg', '--engine', 'sim', '--events', 'nats'], { env });
  const plain = await plan({ NATS_SERVER: either });
  expect(plain.stdout).toMatch(/^nats +external +NATS_SERVER=nats:\S+ answers/m);
  expect(plain.stdout).not.toContain('over TLS');
  const secure = await plan({ NATS_SERVER: either, NATS_TLS_CA_CERT_PATH: ca });
  expect(secure.stdout).toMatch(/^nats +external +NATS_SERVER=tls:\S+ answers.*over TLS/m);
  const deaf = createServer(() => {});
  onTestFinished(() => void deaf.close());
  const port = await freePort();
  await new Promise<void>((resolve) => deaf.listen(port, '127.0.0.1', resolve));
  const hangs = await plan({ NATS_SERVER: `127.0.0.1:${port}` });
  expect(hangs.code).toBe(0);
  expect(hangs.stdout).not.toMatch(/^nats +external/m);
});
