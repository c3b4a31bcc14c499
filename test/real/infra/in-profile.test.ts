/** An etcd and a NATS named in a profile, with login and TLS: used, without storing their secrets. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { freePort } from '../../e2e/harness/ports.ts';
import { temporaryFolder } from '../../integration/sim/processes.ts';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
import { ps, textBelow, up } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
import { makeAuthority } from '../support/certificates.ts';
import { lockEtcd, putKey, startEtcd } from '../support/etcd.ts';
import { profileWith } from '../support/infra-profile.ts';
import { startLockedNats } from '../support/nats.ts';
import { binaries } from '../support/server.ts';

const [etcdBinary = 'etcd'] = binaries('etcd');
const [natsBinary = 'nats-server'] = binaries('nats-server');

test('etcd and NATS with password and TLS from the profile: a router serves, and no secret is left', async ({
  world,
}) => {
  const sign = makeAuthority(temporaryFolder());
  const [server, client] = [sign('server'), sign('client')];
  const etcd = await startEtcd(etcdBinary, server);
  await putKey(etcd.url, 'v1/instances/dynamo/backend/generate/1', 'x');
  await lockEtcd(etcd.url, 'etcd-word');
  const nats = await startLockedNats(natsBinary, 'nats-word', server);
  const file = join(world.root, 'nats-password');
  writeFileSync(file, 'nats-word\n', { mode: 0o600 });
  const profile = profileWith(world, {
    etcd: {
      endpoints: [etcd.tlsUrl],
      username: 'root',
      password: { env: 'MY_ETCD' },
      tls: { ca: client.ca },
    },
    nats: { servers: [nats], username: 'me', password: { file }, tls: { ...client, folder: undefined } },
  });
  // The environment is ignored in favour of the profile.
  const env = {
    MY_ETCD: 'etcd-word',
    ETCD_ENDPOINTS: 'http://127.0.0.1:9',
    ETCD_AUTH_PASSWORD: 'other-word',
  };
  const run = await up(world, profile, [], { env });
  expect(run.notes).toMatch(/^etcd +external +infra\.etcd\.endpoints=https:\S+ answers, version \d/m);
  expect(run.notes).toMatch(/^nats +external +infra\.nats\.servers=tls:\S+ answers, version \d.*over TLS/m);
  expect(run.notes).not.toMatch(/^ignored/m);
  const plan = await succeed(world, ['plan', profile, '--engine', 'sim', '--json'], { env });
  const outputs = [
    plan.stdout,
    (await succeed(world, ['plan', profile, '--engine', 'sim', '--shell'], { env })).stdout,
    (await succeed(world, ['ps', '--json'])).stdout,
    (await succeed(world, ['logs', '--tail', '1000'])).stdout,
    textBelow(world.state),
  ];
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toMatch(/no key of namespace dynamo-\w+ is left/);
  outputs.push((await succeed(world, ['events', 'mine'])).stdout);
  outputs.push(stderr, run.notes, textBelow(world.state), textBelow(world.temporary));
  expect(outputs.join('\n')).not.toMatch(/(etcd|nats|other)-word/);
});

test('a missing secret, a wrong one, or a missing server: nothing is started', async ({ world }) => {
  const etcd = await startEtcd(etcdBinary);
  await lockEtcd(etcd.url, 'right-word');
  const login = { username: 'root', password: { env: 'MY_ETCD' } };
  const profile = profileWith(world, { etcd: { endpoints: [etcd.url], ...login } });
  const start = async (env: Readonly<Record<string, string>>) =>
    await dynamo(world, ['up', profile, '--detach', '--engine', 'sim'], { env });
  const unset = await start({});
  expect(unset.code).toBe(78);
  expect(unset.stderr).toContain('infra.etcd.password of the profile is in MY_ETCD, which is not set');
  expect(unset.stderr).toContain('fix: export MY_ETCD=…');
  const wrong = await start({ MY_ETCD: 'wrong-word' });
  expect(wrong.code).toBe(69);
  expect(wrong.stderr).toContain('authentication failed');
  expect(wrong.stderr).toContain('fix: correct infra.etcd.username and infra.etcd.password in the profile');
  profileWith(world, { etcd: { endpoints: [`http://127.0.0.1:${await freePort()}`] } });
  const gone = await start({});
  expect(gone.code).toBe(69);
  expect(gone.stderr).toMatch(/infra\.etcd\.endpoints=http:\S+: connection refused/);
  expect(await ps(world, '--all')).toEqual([]);
  expect(textBelow(world.state) + wrong.stderr).not.toContain('wrong-word');
});

test('a NATS that requires a client certificate and an etcd with an expired one are reported as such', async ({
  world,
}) => {
  const sign = makeAuthority(temporaryFolder());
  const [server, late] = [sign('server'), sign('late', -1)];
  const etcd = await startEtcd(etcdBinary, late);
  const nats = await startLockedNats(natsBinary, 'nats-word', server);
  const plan = async (infra: object) =>
    await dynamo(world, ['plan', profileWith(world, infra), '--engine', 'sim'], {
      env: { WORD: 'nats-word' },
    });
  const expired = await plan({ etcd: { endpoints: [etcd.tlsUrl], tls: { ca: server.ca } } });
  expect(expired.code).toBe(69);
  expect(expired.stderr).toContain('certificate has expired');
  expect(expired.stderr).toContain('fix: tls: {ca: /ca.pem, cert: /cert.pem, key: /key.pem}');
  const login = { username: 'me', password: { env: 'WORD' } };
  const bare = await plan({ nats: { servers: [nats], ...login, tls: { ca: server.ca } } });
  expect(bare.code).toBe(69);
  expect(bare.stderr).toMatch(/it (requires|may require) a client certificate/);
  const trusting = await plan({ nats: { servers: [nats], ...login } });
  expect(trusting.code).toBe(69);
  expect(trusting.stderr).toContain('certificate');
});
