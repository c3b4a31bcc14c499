/** A real Docker daemon over TCP with TLS: used through DOCKER_HOST or a context; each error is one line. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished } from 'vitest';
import { freePort } from '../../e2e/harness/ports.ts';
import { temporaryFolder } from '../../integration/sim/processes.ts';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
import { ps, up } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { type Authority, makeAuthority, type Signed } from '../support/certificates.ts';
import { startDocker } from '../support/docker.ts';
import { daemonOfFile } from '../support/file-daemon.ts';

const docker = ['--infra', 'docker'];

let root: string;
let sign: Authority;
let client: Signed;
let address: string;

const daemon = daemonOfFile(async () => {
  root = mkdtempSync('/tmp/authority-');
  sign = makeAuthority(root);
  const server = sign('server');
  client = sign('client');
  address = `tcp://127.0.0.1:${await freePort()}`;
  const files = [`--tlscacert=${server.ca}`, `--tlscert=${server.cert}`, `--tlskey=${server.key}`];
  return await startDocker(['--host', address, '--tlsverify', ...files]);
});

afterAll(() => rmSync(root, { recursive: true }));

const over = (folder: string, host = address): Record<string, string> => ({
  DOCKER_HOST: host,
  DOCKER_TLS_VERIFY: '1',
  DOCKER_CERT_PATH: folder,
});

test('DOCKER_HOST with certificates: a tree with containers serves, and clean uses TLS too', async ({
  world,
}) => {
  const { notes } = await up(world, 'agg_router', docker, { env: over(client.folder) });
  expect(notes).toMatch(/^etcd +docker .*; DOCKER_HOST at tcp:\/\/127\.0\.0\.1:\d+ answers/m);
  expect(await daemon().everything()).toHaveLength(2);
  const { stdout } = await succeed(world, ['clean', '--dry-run'], { env: over(client.folder) });
  expect(stdout).not.toContain('docker rm');
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toContain('nothing is left');
});

test('a context with certificates is used without any variable', async ({ world }) => {
  useContext(world, client);
  const { notes } = await up(world, 'agg', docker, { env: {} });
  expect(notes).toMatch(/^etcd +docker .*; Docker context secure at tcp:\/\/127\.0\.0\.1:\d+ answers/m);
  await succeed(world, ['down']);
});

/** As `docker context create secure --docker host=…,ca=…,cert=…,key=…` and `docker context use secure` write it. */
function useContext(world: World, { ca, cert, key }: Signed): void {
  const folder = join(world.env['HOME'] ?? '', '.docker');
  const id = createHash('sha256').update('secure').digest('hex');
  const [meta, tls] = [join(folder, 'contexts/meta', id), join(folder, 'contexts/tls', id, 'docker')];
  for (const each of [meta, tls]) mkdirSync(each, { recursive: true });
  writeFileSync(join(folder, 'config.json'), '{"currentContext":"secure"}');
  const endpoint = { Host: address, SkipTLSVerify: false };
  writeFileSync(
    join(meta, 'meta.json'),
    JSON.stringify({ Name: 'secure', Metadata: {}, Endpoints: { docker: endpoint } }),
  );
  for (const [name, file] of Object.entries({ ca, cert, key })) copyFileSync(file, join(tls, `${name}.pem`));
}

/** A folder with some of the client's files. */
function only(...names: readonly string[]): string {
  const folder = temporaryFolder();
  for (const name of names) copyFileSync(join(client.folder, name), join(folder, name));
  return folder;
}

/** A server whose certificate has expired. Returns its address. */
async function startLate(): Promise<string> {
  const { cert, key } = sign('late-server', -1);
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (_, answer) =>
    answer.end(),
  );
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `tcp://127.0.0.1:${port}`;
}

test.for<[name: string, env: () => Record<string, string> | Promise<Record<string, string>>, told: RegExp]>([
  [
    'an authority that is not the daemon’s',
    () => over(makeAuthority(temporaryFolder())('other').folder),
    /its certificate was not issued by the given CA/,
  ],
  ['no certificate of ours', () => over(only('ca.pem')), /it (requires|may require) a client certificate/],
  ['a certificate without its key', () => over(only('ca.pem', 'cert.pem')), /there is no \S+key\.pem/],
  ['a folder without certificates', () => over(only()), /there is no \S+ca\.pem/],
  [
    'one of ours that has expired',
    () => over(sign('late-client', -1).folder),
    /the client certificate \S+cert\.pem has expired/,
  ],
  [
    'one of the daemon’s that has expired',
    async () => over(client.folder, await startLate()),
    /certificate has expired/,
  ],
  ['no word of TLS at all', () => ({ DOCKER_HOST: address }), /it requires TLS/],
])('%s exits with 69 and one fix, and starts nothing', async ([, env, told], { world }) => {
  const { code, stderr } = await dynamo(world, ['up', 'agg', '--detach', '--engine', 'sim', ...docker], {
    env: await env(),
  });
  expect(stderr).toMatch(told);
  expect(stderr).toMatch(/^fix: (openssl verify -CAfile|export DOCKER_TLS_VERIFY=1)/m);
  expect(stderr.match(/^fix: /gm)).toHaveLength(1);
  expect(code).toBe(69);
  expect(await ps(world, '--all')).toEqual([]);
});
