/** Real processes of upstream with an external etcd and NATS from a profile, and the logins they support. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { temporaryFolder } from '../../integration/sim/processes.ts';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
import { textBelow, up } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
import { makeAuthority } from '../support/certificates.ts';
import { keysIn, lockEtcd, startEtcd } from '../support/etcd.ts';
import { profileWith } from '../support/infra-profile.ts';
import { startLockedNats } from '../support/nats.ts';
import { pythons } from '../support/python.ts';
import { binaries } from '../support/server.ts';

const timeout = 240_000;
const [etcdBinary = 'etcd'] = binaries('etcd');
const [natsBinary = 'nats-server'] = binaries('nats-server');

/** As pip reports it; read from folder names, without code from src. */
function hasNatsOverTls(python: string): boolean {
  const lib = join(python, 'lib');
  const packages = readdirSync(lib).flatMap((name) => readdirSync(join(lib, name, 'site-packages')));
  const [, major, minor] = packages.map((name) => /^ai_dynamo-(\d+)\.(\d+)/.exec(name)).find(Boolean) ?? [];
  return Number(major) > 1 || Number(minor) >= 5;
}

describe.each(pythons('mocker'))('$name', ({ python }) => {
  const mocker = ['--engine', 'mocker', '--python', python];

  test(
    'with a login for each: serves, and leaves neither keys nor a password',
    { timeout },
    async ({ world }) => {
      const etcd = await startEtcd(etcdBinary);
      const nats = await startLockedNats(natsBinary, 'nats-word');
      await lockEtcd(etcd.url, 'etcd-word');
      const profile = profileWith(world, {
        etcd: { endpoints: [etcd.url], username: 'root', password: { env: 'MY_ETCD' } },
        nats: { servers: [nats], username: 'me', password: { env: 'MY_NATS' } },
      });
      const env = { MY_ETCD: 'etcd-word', MY_NATS: 'nats-word' };
      const { notes, proof } = await up(world, profile, mocker, { env });
      expect(notes).toMatch(/^etcd +external .*\nnats +external /m);
      expect(proof.reuse).toMatch(/cached|hit rate/);
      const { stderr } = await succeed(world, ['down']);
      expect(stderr).toMatch(/no key of namespace dynamo-\w+ is left/);
      expect(textBelow(world.state) + notes + stderr).not.toMatch(/(etcd|nats)-word/);
    },
  );

  test(
    'with certificates for each: serves if Dynamo supports it, and is refused otherwise',
    { timeout },
    async ({ world }) => {
      const { ca, cert, key } = makeAuthority(temporaryFolder())('server');
      const files = { ca, cert, key };
      const etcd = await startEtcd(etcdBinary, files);
      const nats = await startLockedNats(natsBinary, 'nats-word', files);
      const withEtcd = { etcd: { endpoints: [etcd.tlsUrl], tls: files } };
      const withBoth = {
        ...withEtcd,
        nats: { servers: [nats], username: 'me', password: { env: 'MY_NATS' }, tls: files },
      };
      const env = { MY_NATS: 'nats-word' };
      const serves = hasNatsOverTls(python);
      if (!serves) {
        const refused = await dynamo(world, ['plan', profileWith(world, withBoth), ...mocker], { env });
        expect(refused.code).toBe(69);
        expect(refused.stderr).toMatch(/infra\.nats\.servers=tls:\S+: it requires TLS, which Dynamo/);
      }
      const profile = profileWith(world, serves ? withBoth : withEtcd);
      const { runId, notes, proof } = await up(world, profile, mocker, { env });
      expect(notes).toMatch(/^etcd +external +infra\.etcd\.endpoints=https:/m);
      expect(proof.reuse).toMatch(/cached|hit rate/);
      const namespace = `dynamo-${runId.split('-').at(-1)}`;
      expect((await keysIn(etcd.url)).some((each) => each.key.includes(namespace))).toBe(true);
      await succeed(world, ['down']);
      expect(await keysIn(etcd.url)).toEqual([]);
      expect(textBelow(world.state)).not.toMatch(/BEGIN \w*\s?PRIVATE KEY/);
    },
  );

  test('an unsupported login is refused before anything starts', async ({ world }) => {
    const { ca, cert, key } = makeAuthority(temporaryFolder())('server');
    const files = { ca, cert, key };
    const etcd = await startEtcd(etcdBinary, files);
    const refuse = async (infra: object): Promise<string> => {
      const { code, stderr } = await dynamo(world, ['up', profileWith(world, { etcd: infra }), ...mocker], {
        env: { MY_ETCD: 'etcd-word' },
      });
      expect(code).toBe(69);
      return stderr;
    };
    const endpoints = [etcd.tlsUrl];
    const login = { username: 'root', password: { env: 'MY_ETCD' } };
    expect(await refuse({ endpoints, ...login, tls: files })).toContain('a login and certificates are set');
    expect(await refuse({ endpoints, tls: { ca } })).toContain('(ca, cert and key)');
    expect(await keysIn(etcd.url)).toEqual([]);
  });
});
