/** Checks of etcd, NATS, planes and Docker, with realistic answers (test/real/doctor uses real ones). */
import { expect, test } from 'vitest';
import { docker } from '../../../src/doctor/checks/dead-runs.ts';
import { etcd, etcdLock, etcdStale, nats } from '../../../src/doctor/checks/etcd-and-nats.ts';
import { planes } from '../../../src/doctor/checks/network.ts';
import type { InfraUses } from '../../../src/plan/infra.ts';
import { finding, runFacts, statLine, subjectOf } from '../../support/doctor-host.ts';
import { frontend, profileOf, worker } from '../../support/profile.ts';
import type { SeenContainer } from '../../../src/plan/container.ts';

const agg = profileOf({ components: { frontend, worker: worker('aggregated') } });
const own = { from: 'process' as const, addresses: [], path: '/usr/bin/etcd', version: '3.4.23' };
const outside = (addresses: readonly string[]) => ({ from: 'external' as const, addresses, version: '3' });
const using = (uses: InfraUses) => subjectOf(agg, { infra: { ...uses, folders: [], files: [] } });
const environment = { ETCD_ENDPOINTS: '127.0.0.1:2379' };
const answers = (health: string) => (url: string) => ({
  status: 200,
  body: url.endsWith('/version') ? '{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}' : health,
});

test('etcd fails if it does not answer, is unhealthy, or is something else', async () => {
  expect(await finding(etcd, { environment })).toMatchObject({
    status: 'fail',
    evidence: 'no usable server answers on http://127.0.0.1:2379: ECONNREFUSED',
  });
  expect(await finding(etcd, { environment, replies: answers('{"health":"false"}') })).toMatchObject({
    status: 'fail',
  });
  expect(await finding(etcd, { environment, replies: () => ({ status: 404 }) })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('is not etcd'),
  });
});

test('etcd is silent if healthy, and skipped if not needed', async () => {
  expect(await finding(etcd, { environment, replies: answers('{"health":"true"}') })).toMatchObject({
    status: 'ok',
    evidence: 'etcd 3.4.23 on http://127.0.0.1:2379 is healthy',
  });
  expect(await finding(etcd)).toMatchObject({ status: 'skip' });
  // The plan counts, not the shell.
  expect(await finding(etcd, { environment, subject: subjectOf(agg) })).toMatchObject({ status: 'skip' });
  expect(await finding(etcd, { subject: using({ etcd: outside(['10.0.0.1:2379']) }) })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('http://10.0.0.1:2379'),
  });
  expect(await finding(etcd, { subject: using({ etcd: own }) })).toMatchObject({
    status: 'skip',
    evidence: 'the plan starts its own etcd: /usr/bin/etcd, 3.4.23',
  });
});

test('an external etcd over TLS is not queried again without certificates', async () => {
  const subject = using({ etcd: outside(['https://10.0.0.1:2379']) });
  expect(await finding(etcd, { subject })).toMatchObject({
    status: 'ok',
    evidence: expect.stringContaining('https://10.0.0.1:2379 answered over TLS when the plan was made'),
  });
});

function keys(...list: readonly [name: string, lease?: string][]) {
  const kvs = list.map(([name, lease]) => ({
    key: Buffer.from(name).toString('base64'),
    ...(lease && { lease }),
  }));
  return () => ({ status: 200, body: JSON.stringify({ kvs }) });
}

test('etcd-stale warns about keys without a lease in our namespace', async () => {
  const replies = keys(['v1/mdc/dynamo/backend/1', '77'], ['v1/mdc/dynamo/backend/2'], ['v1/mdc/other/b/3']);
  expect(await finding(etcdStale, { environment, replies })).toMatchObject({
    status: 'warn',
    details: ['v1/mdc/dynamo/backend/2', 'v1/mdc/other/b/3'],
  });
  const subject = using({ etcd: outside(['http://e:1']) });
  expect(await finding(etcdStale, { subject, replies })).toMatchObject({
    status: 'warn',
    details: ['v1/mdc/dynamo/backend/2'],
  });
});

test('etcd-stale is silent if all keys have a lease, and skipped if etcd is unreachable', async () => {
  expect(await finding(etcdStale, { environment, replies: keys(['v1/a/dynamo/1', '7']) })).toMatchObject({
    status: 'ok',
  });
  expect(
    await finding(etcdStale, { environment, replies: () => ({ status: 200, body: '{}' }) }),
  ).toMatchObject({
    status: 'ok',
  });
  expect(await finding(etcdStale, { environment })).toMatchObject({ status: 'skip' });
  expect(await finding(etcdStale)).toMatchObject({ status: 'skip' });
});

const locks =
  '1: FLOCK  ADVISORY  WRITE 55 fe:00:4242 0 EOF\n2: OFDLCK ADVISORY  WRITE -1 fe:00:4243 0 EOF\n';
/** Two etcds on one folder, as seen: one has locked the file, both have it open. */
const waiting = {
  files: {
    '/proc/locks': locks,
    '/proc/55/stat': statLine(55, 'etcd', 'S', 1),
    '/proc/55/fd/7': '',
    '/proc/55/fd/8': '',
    '/proc/77/stat': statLine(77, 'etcd', 'S', 1),
    '/proc/77/fd/7': '',
  },
  stats: {
    '/proc/55/fd/7': { inode: 4242 },
    '/proc/55/fd/8': { inode: 4243 },
    '/proc/77/fd/7': { inode: 4242 },
  },
};

test('etcd-lock fails if an etcd waits for the folder of another', async () => {
  expect(await finding(etcdLock, waiting)).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('etcd pid 77 waits for the data folder that pid 55 has locked'),
  });
});

test('etcd-lock fails if the folder is locked and no etcd answers', async () => {
  const database = '/data/member/snap/db';
  const held = {
    environment: { ETCD_DATA_DIR: '/data' },
    files: { '/proc/locks': locks, [database]: '' },
    stats: { [database]: { inode: 4242 } },
  };
  expect(await finding(etcdLock, held)).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('/data is in use by pid 55'),
  });
  expect(await finding(etcdLock, { ...held, replies: answers('{"health":"true"}') })).toMatchObject({
    status: 'ok',
  });
  expect(await finding(etcdLock, { ...held, files: { [database]: '' } })).toMatchObject({ status: 'ok' });
});

test('etcd-lock is skipped without a folder; other open or equally numbered files do not count', async () => {
  expect(await finding(etcdLock)).toMatchObject({ status: 'skip' });
  const files = { ...waiting.files, '/proc/77/stat': statLine(77, 'apt', 'S', 1) };
  expect(await finding(etcdLock, { ...waiting, files })).toMatchObject({ status: 'skip' });
  const stats = { ...waiting.stats, '/proc/77/fd/7': { inode: 4242, device: '00:17' } };
  expect(await finding(etcdLock, { ...waiting, stats })).toMatchObject({ status: 'skip' });
});

const server = { NATS_SERVER: 'nats://user:secret@127.0.0.1:4222' };
const info = (more: object): string =>
  `INFO ${JSON.stringify({ version: '2.9.10', max_payload: 1_048_576, ...more })}`;

test.each([
  ['fail', 'is not NATS', 'SSH-2.0-OpenSSH_9.2'],
  ['warn', 'JetStream turned off', info({})],
  ['warn', 'only up to 1024 bytes', info({ jetstream: true, max_payload: 1024 })],
  ['ok', 'JetStream on', info({ jetstream: true })],
])('nats: %s, %s', async (status, words, line) => {
  const lines = { '127.0.0.1:4222': line };
  expect(await finding(nats, { environment: server, lines })).toMatchObject({
    status,
    evidence: expect.stringContaining(words),
  });
});

test('nats fails if it does not answer, and is skipped if not needed', async () => {
  expect(await finding(nats, { environment: server })).toMatchObject({ status: 'fail' });
  expect(await finding(nats)).toMatchObject({ status: 'skip' });
  expect(await finding(nats, { environment: server, subject: subjectOf(agg) })).toMatchObject({
    status: 'skip',
  });
  const planned = using({ nats: outside(['nats://127.0.0.1:5222']) });
  expect(await finding(nats, { subject: planned })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('127.0.0.1:5222'),
  });
});

test('planes warns if processes disagree', async () => {
  const { plan } = subjectOf(agg);
  const processes = plan?.processes.map((spec) => ({
    ...spec,
    env: { ...spec.env, ...(spec.kind === 'worker' ? { DYN_NAMESPACE: 'other' } : {}) },
  }));
  const subject = subjectOf(agg, processes === undefined ? {} : { processes });
  expect(await finding(planes, { subject })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('DYN_NAMESPACE differs between processes'),
  });
});

test('planes warns if the router expects events and there are none', async () => {
  const routed = profileOf({
    components: { frontend: { kind: 'frontend', router: { mode: 'kv' } }, worker: worker('aggregated') },
  });
  expect(await finding(planes, { subject: subjectOf(routed, { events: 'none' }) })).toMatchObject({
    status: 'warn',
    fix: '--events zmq',
  });
  expect(await finding(planes, { subject: subjectOf(routed) })).toMatchObject({ status: 'ok' });
});

test.each([
  [{ DYN_DISCOVERY_BACKEND: 'file', ETCD_ENDPOINTS: 'x:1' }, 'warn'],
  [{ DYN_EVENT_PLANE: 'nats' }, 'warn'],
  [{ DYN_EVENT_PLANE: 'nats', NATS_SERVER: 'nats://x:1' }, 'ok'],
  [{}, 'ok'],
])('planes with environment %j: %s', async (variables, status) => {
  expect(await finding(planes, { environment: variables })).toMatchObject({ status });
});

const daemon = { address: 'unix:///docker.sock', version: '24.0.7', because: 'Docker', user: '1:1' };
const seen = (more: Partial<SeenContainer>): SeenContainer => ({
  name: 'dyn-etcd',
  image: 'quay.io/coreos/etcd:v3',
  state: 'running',
  published: ['127.0.0.1:2379'],
  runId: 'agg-abcd',
  runFolder: '/state/runs/agg-abcd',
  ...more,
});

test('docker warns about containers of dead runs and withdrawn images', async () => {
  expect(
    await finding(docker, {
      containers: { daemon, containers: [seen({})] },
      runs: [runFacts({ state: 'dead' })],
    }),
  ).toMatchObject({ status: 'warn', evidence: '1 container of dead runs: dyn-etcd of agg-abcd' });
  const gone = seen({ image: 'bitnami/etcd:3.6.1', runId: '' });
  expect(await finding(docker, { containers: { daemon, containers: [gone] } })).toMatchObject({
    status: 'warn',
    fix: expect.stringContaining('quay.io/coreos/etcd'),
  });
});

test('docker warns about a missing daemon only if it is needed', async () => {
  const containers = { problem: { words: 'permission denied', fix: 'sudo x' }, containers: [] };
  const subject = subjectOf(agg, {}, { infra: 'docker' });
  expect(await finding(docker, { containers, subject })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('permission denied'),
    fix: 'sudo x',
  });
  expect(await finding(docker, { containers })).toMatchObject({ status: 'skip' });
});

test('docker is silent about a live run, and lists foreign containers on the ports of etcd and NATS', async () => {
  const foreign = seen({ name: 'nats', image: 'nats:2', published: ['0.0.0.0:4222'], runId: '' });
  expect(
    await finding(docker, {
      containers: { daemon, containers: [seen({}), foreign] },
      runs: [runFacts({ state: 'live' })],
    }),
  ).toMatchObject({ status: 'ok', evidence: expect.stringContaining('nats publishes 0.0.0.0:4222') });
});
