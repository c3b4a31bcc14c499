/** Checks of a deployment on several hosts, with what the others say of themselves. */
import { expect, test } from 'vitest';
import {
  hostsClock,
  hostsInterface,
  hostsModel,
  hostsReach,
  hostsVersion,
} from '../../../src/doctor/checks/hosts.ts';
import type { Subject } from '../../../src/doctor/host-view.ts';
import type { HostRecord } from '../../../src/plan/host-record.ts';
import { planWithSecrets } from '../../../src/plan/make-plan.ts';
import type { HostsOptions, PlanOptions } from '../../../src/plan/request.ts';
import { shareRules } from '../../../src/plan/shares.ts';
import { finding, subjectOf } from '../../support/doctor-host.ts';
import { gpusOf, host, options, pythonOf } from '../../support/profile.ts';
import { shipped } from '../../support/shipped-profiles.ts';

const disagg = await shipped('disagg');
const shares = await shareRules({ hosts: { only: [] } });
const join = 'http://10.0.0.1:2379';
const checks = [hostsReach, hostsClock, hostsVersion, hostsModel, hostsInterface];

function subjectOn(hosts: HostsOptions, more: Partial<PlanOptions> = {}, profile = disagg): Subject {
  const facts = host({
    addresses: [{ address: '10.0.0.2', interface: 'eth0', prefix: 24 }],
    gpus: gpusOf(2),
    python: pythonOf('1.4.2', '0.5.16'),
    infra: {
      binaries: { etcd: { path: '/bin/etcd', version: '3.5' } },
      external: hosts.join === undefined ? {} : { etcd: { addresses: [join], version: '3.5' } },
      persistentFolder: '',
    },
  });
  const infra = hosts.join === undefined ? 'auto' : 'external';
  const asked = options({ engine: 'sglang', hosts, infra, ...more });
  const { plan } = planWithSecrets(profile, asked, facts, shares);
  return { profile, plan, preferredHttpPort: 8000, insistsOnPort: false, infra, rawArgs: [] };
}

const decode = subjectOn({ only: ['decode'], join });
const head: HostRecord = {
  runId: 'disagg-aaaa',
  startedAt: 0,
  address: '10.0.0.1',
  components: ['frontend', 'prefill'],
  engine: 'sglang',
  versions: { dynamo: '1.4.2', backend: '0.5.16' },
  model: { name: 'Qwen/Qwen3-0.6B' },
  ports: [
    { process: 'etcd', port: 2379, by: 'all', what: 'etcd' },
    { process: 'frontend', port: 11_000, by: 'worker', what: 'answers' },
    { process: 'prefill', port: 11_001, by: 'requests', what: 'requests' },
    { process: 'prefill', port: 11_002, by: 'decode', what: 'hand-over of the KV cache' },
  ],
};
const hostRecords = [head];

test.each(checks)('$name is skipped on one host, and none is silently ok', async (check) => {
  expect(await finding(check)).toMatchObject({ status: 'skip', evidence: 'the deployment is on one host' });
  expect(await finding(check, { subject: subjectOf(disagg) })).toMatchObject({ status: 'skip' });
});

test('what needs other hosts is skipped where the plan starts etcd, and before another host is up', async () => {
  const first = subjectOn({ only: ['frontend', 'prefill'] });
  for (const check of [hostsReach, hostsVersion, hostsModel]) {
    expect(await finding(check, { subject: first, hostRecords })).toMatchObject({
      status: 'skip',
      evidence: expect.stringContaining('with --join'),
    });
    expect(await finding(check, { subject: decode })).toMatchObject({
      status: 'skip',
      evidence: 'no other host of this deployment is up yet',
    });
  }
  expect(await finding(hostsClock, { subject: first })).toMatchObject({ status: 'skip' });
});

test('a port that this host connects to and cannot reach is named; others are not tried', async () => {
  const blocked = { '10.0.0.1:11002': 'no answer within 2 s' };
  expect(await finding(hostsReach, { subject: decode, hostRecords, closed: blocked })).toMatchObject({
    status: 'fail',
    evidence: '10.0.0.1:11002 (hand-over of the KV cache, of prefill): no answer within 2 s',
    fix: 'open port 11002 of 10.0.0.1 for 10.0.0.2 in the firewall',
  });
  // Only the frontend and prefill workers send requests.
  const closed = { '10.0.0.1:11001': 'ECONNREFUSED' };
  expect(await finding(hostsReach, { subject: decode, hostRecords, closed })).toMatchObject({
    status: 'ok',
    evidence: '3 ports of 10.0.0.1 answer',
  });
});

test('the port where ranks meet matters until they have met', async () => {
  const meet = { host: '10.0.0.1', port: 29_500 };
  const { decode: worker } = disagg.components;
  if (worker?.kind !== 'worker') throw new Error('disagg has no decode worker');
  const large = { ...disagg, components: { ...disagg.components, decode: { ...worker, gpus: 2 } } };
  const ranked = subjectOn({ only: ['decode'], join, rank: { rank: 1, of: 2, meet } }, {}, large);
  const port = { process: 'decode', port: 29_500, by: 'rank' as const, what: 'the ranks meet' };
  const rank = { rank: 0, meet: '10.0.0.1:29500', restarts: 0 };
  const closed = { '10.0.0.1:29500': 'ECONNREFUSED' };
  const waits = { ...head, ports: [port], rank: { ...rank, state: 'started' } };
  expect(await finding(hostsReach, { subject: ranked, hostRecords: [waits], closed })).toMatchObject({
    status: 'fail',
  });
  const met = { ...waits, rank: { ...rank, state: 'ready' } };
  expect(await finding(hostsReach, { subject: ranked, hostRecords: [met], closed })).toMatchObject({
    status: 'ok',
  });
});

test('a clock that is ahead or behind is named, and the fraction that the header lacks is not', async () => {
  const clock = { now: () => Date.parse('2026-11-29T12:00:00.900Z'), sleep: async () => {} };
  const look = async (time: string) => {
    const headers = { date: new Date(time).toUTCString() };
    return await finding(hostsClock, { subject: decode, clock, replies: () => ({ status: 200, headers }) });
  };
  expect(await look('2026-11-29T12:00:00Z')).toMatchObject({ status: 'ok' });
  expect(await look('2026-11-29T11:58:00Z')).toMatchObject({
    status: 'warn',
    evidence: 'the clock of this host is 120 s ahead of that of 10.0.0.1:2379',
  });
  expect(await look('2026-11-29T12:01:00Z')).toMatchObject({
    status: 'warn',
    evidence: 'the clock of this host is 59 s behind that of 10.0.0.1:2379',
  });
  expect(
    await finding(hostsClock, { subject: decode, clock, replies: () => ({ status: 200 }) }),
  ).toMatchObject({
    status: 'skip',
  });
});

test('another version of Dynamo, or another engine, fails', async () => {
  expect(await finding(hostsVersion, { subject: decode, hostRecords })).toMatchObject({
    status: 'ok',
    evidence: 'sglang Dynamo 1.4.2 0.5.16 on all hosts',
  });
  const older = { ...head, versions: { dynamo: '1.3.1', backend: '0.5.14' } };
  expect(await finding(hostsVersion, { subject: decode, hostRecords: [older] })).toMatchObject({
    status: 'fail',
    fix: 'dynamo setup --engine sglang --version 1.3.1',
  });
  const simulated = { ...head, engine: 'sim', versions: {} };
  expect(await finding(hostsVersion, { subject: decode, hostRecords: [simulated] })).toMatchObject({
    status: 'fail',
    fix: '--engine sim',
  });
});

test('another model, or other files of the same one, fail', async () => {
  const other = { ...head, model: { name: 'other/model' } };
  expect(await finding(hostsModel, { subject: decode, hostRecords: [other] })).toMatchObject({
    status: 'fail',
    evidence: 'Qwen/Qwen3-0.6B here, other/model on 10.0.0.1',
  });
  const cache = '/home/user/.cache/huggingface/hub/models--Qwen--Qwen3-0.6B';
  const files = { [`${cache}/refs/main`]: 'abc', [`${cache}/snapshots/abc/config.json`]: '{}' };
  const same = { ...head, model: { name: 'Qwen/Qwen3-0.6B', config: '44136fa355b3' } };
  const look = async (record: HostRecord) =>
    await finding(hostsModel, { subject: decode, files, hostRecords: [record] });
  expect(await look(same)).toMatchObject({ status: 'ok' });
  expect(await look({ ...same, model: { ...same.model, config: '000000000000' } })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('44136fa355b3 here, and 000000000000 on 10.0.0.1'),
  });
  expect(await look(head)).toMatchObject({
    status: 'ok',
    evidence: expect.stringContaining('no other host has its files yet'),
  });
});

test('an interface that leaves out the address of this host warns', async () => {
  const programs = {
    hostname: { stdout: 'build-7\n' },
    'getent ahosts build-7': { stdout: '127.0.1.1  STREAM build-7\n' },
  };
  expect(await finding(hostsInterface, { subject: decode, programs })).toMatchObject({
    status: 'ok',
    evidence:
      'eth0, which has 10.0.0.2; without eth0 in the plan, Gloo would take 127.0.1.1, the address of build-7',
  });
  const overridden = (value: string) =>
    subjectOn({ only: ['decode'], join }, { env: { NCCL_SOCKET_IFNAME: value } });
  expect(await finding(hostsInterface, { subject: overridden('docker0') })).toMatchObject({
    status: 'warn',
    evidence: 'NCCL_SOCKET_IFNAME=docker0 of decode leaves out eth0, which has 10.0.0.2',
  });
  for (const value of ['eth', '=eth0', '^docker', 'ib0,eth0']) {
    expect(await finding(hostsInterface, { subject: overridden(value) })).toMatchObject({ status: 'ok' });
  }
  expect(await finding(hostsInterface, { subject: overridden('^eth') })).toMatchObject({ status: 'warn' });
  const simulated = subjectOn({ only: ['decode'], join }, { engine: 'sim' });
  expect(await finding(hostsInterface, { subject: simulated })).toMatchObject({ status: 'skip' });
});
