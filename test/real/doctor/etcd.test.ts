/** D08 to D10 against real etcds: healthy, suspended, gone, not etcd, with stale keys, and waiting for a lock. */
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { argvOf } from '../../oracle/proc.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { remember, until } from '../../integration/sim/processes.ts';
import { serve } from '../../support/http-server.ts';
import { ask, startEtcd } from '../support/etcd.ts';
import { binaries } from '../support/server.ts';
import { fill, makeRoom, startSmallEtcd } from '../support/small-etcd.ts';
import { doctor } from './run-doctor.ts';

const [binary = 'etcd'] = binaries('etcd');
const key = (name: string) => Buffer.from(name).toString('base64');

test('etcd: one that answers, one that is suspended, one that is gone', async () => {
  const etcd = await startEtcd(binary);
  const env = { ETCD_ENDPOINTS: etcd.url };
  expect(await doctor('etcd', env)).toMatchObject({
    status: 'ok',
    evidence: expect.stringMatching(/^etcd \d+\.\d+\.\d+ on http:\/\/127\.0\.0\.1:\d+ is healthy$/),
  });
  process.kill(etcd.server().pid, 'SIGSTOP');
  expect(await doctor('etcd', env)).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('no answer within'),
  });
  await etcd.server().kill();
  expect(await doctor('etcd', env)).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('ECONNREFUSED'),
  });
});

test('etcd: a full one is reported as such, with a fix', async () => {
  const url = await startSmallEtcd(binary);
  await fill(url);
  expect(await doctor('etcd', { ETCD_ENDPOINTS: url })).toMatchObject({
    status: 'fail',
    evidence: `etcd on ${url} is full (alarm NOSPACE): it accepts no writes`,
    fix: expect.stringContaining('alarm disarm'),
  });
  await makeRoom(url);
  expect(await doctor('etcd', { ETCD_ENDPOINTS: url })).toMatchObject({ status: 'ok' });
});

test('etcd: checked if the plan uses an external one, not if it starts its own', async () => {
  const etcd = await startEtcd(binary);
  const plan = ['agg', '--engine', 'sim', '--discovery', 'etcd'];
  expect(await doctor('etcd', { ETCD_ENDPOINTS: etcd.url }, plan)).toMatchObject({ status: 'ok' });
  expect(await doctor('etcd', {}, plan)).toMatchObject({
    status: 'skip',
    evidence: expect.stringContaining('starts its own etcd'),
  });
});

test('etcd: a web server is not etcd', async () => {
  const { url } = await serve((_, response) => response.end('hello'));
  expect(await doctor('etcd', { ETCD_ENDPOINTS: url })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('is not etcd'),
  });
});

test('etcd-stale: a key without a lease is listed, one with a lease is not', async () => {
  const etcd = await startEtcd(binary);
  const env = { ETCD_ENDPOINTS: etcd.url };
  const { ID } = (await ask(etcd.url, '/v3/lease/grant', { TTL: 600 })) as { ID: string };
  await ask(etcd.url, '/v3/kv/put', { key: key('v1/mdc/dynamo/leased'), value: '', lease: ID });
  expect(await doctor('etcd-stale', env)).toMatchObject({
    status: 'ok',
    evidence: '1 key under v1/, all with a lease',
  });
  await ask(etcd.url, '/v3/kv/put', { key: key('v1/mdc/dynamo/stale'), value: '' });
  await ask(etcd.url, '/v3/kv/put', { key: key('other/stale'), value: '' });
  expect(await doctor('etcd-stale', env)).toMatchObject({
    status: 'warn',
    details: ['v1/mdc/dynamo/stale'],
  });
  await etcd.server().kill();
  expect(await doctor('etcd-stale', env)).toMatchObject({ status: 'skip' });
});

test('etcd-lock: a second etcd on the same folder waits, and both are named', async () => {
  const etcd = await startEtcd(binary);
  const first = etcd.server().pid;
  const words = argvOf(first);
  const folder = words[words.indexOf('--data-dir') + 1] ?? '';
  const env = { ETCD_ENDPOINTS: etcd.url, ETCD_DATA_DIR: folder };
  expect(await doctor('etcd-lock', env)).toMatchObject({
    status: 'ok',
    evidence: expect.stringContaining(`in use by pid ${first}`),
  });
  const url = `http://127.0.0.1:${await freePort()}`;
  const flags = ['--data-dir', folder, '--listen-client-urls', url, '--advertise-client-urls', url];
  const second = spawn(binary, [...flags, '--listen-peer-urls', `http://127.0.0.1:${await freePort()}`], {
    stdio: 'ignore',
    detached: true,
    env: { PATH: process.env['PATH'] },
  });
  remember(second.pid ?? 0);
  const database = statSync(join(folder, 'member', 'snap', 'db')).ino;
  await until('it has the database open', () => opens(second.pid ?? 0, database));
  expect(await doctor('etcd-lock', env)).toMatchObject({
    status: 'fail',
    evidence: `etcd pid ${second.pid} waits for the data folder that pid ${first} has locked, and never starts`,
    fix: expect.stringContaining(`kill ${second.pid}`),
  });
});

test('etcd-lock: a suspended etcd that uses the folder is reported', async () => {
  const etcd = await startEtcd(binary);
  const { pid } = etcd.server();
  const words = argvOf(pid);
  const folder = words[words.indexOf('--data-dir') + 1] ?? '';
  process.kill(pid, 'SIGSTOP');
  expect(await doctor('etcd-lock', { ETCD_ENDPOINTS: etcd.url, ETCD_DATA_DIR: folder })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining(`is in use by pid ${pid}, which does not answer`),
  });
});

function opens(pid: number, inode: number): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
    try {
      return statSync(`/proc/${pid}/fd/${descriptor}`).ino === inode;
    } catch {
      return false; // closed meanwhile
    }
  });
}
