/** One deployment on several hosts: which address, which components, which namespace, and what is refused. */
import { describe, expect, test } from 'vitest';
import { makePlan, planWithSecrets } from '../../../src/plan/make-plan.ts';
import { openPorts, splitOf } from '../../../src/plan/hosts-plan.ts';
import type { HostsOptions, PlanOptions } from '../../../src/plan/request.ts';
import { host, options } from '../../support/profile.ts';
import { shipped } from '../../support/shipped-profiles.ts';

const disagg = await shipped('disagg');
const eth0 = { address: '10.0.0.2', interface: 'eth0', prefix: 24 };
const infra = {
  binaries: { etcd: { path: '/bin/etcd', version: '3.5' } },
  external: { etcd: { addresses: ['http://10.0.0.1:2379'], version: '3.5' } },
  persistentFolder: '',
};

function planOn(hosts: HostsOptions, more: Partial<PlanOptions> = {}, addresses = [eth0]) {
  const { external, ...own } = infra;
  const facts = host({ addresses, infra: { ...own, external: hosts.join === undefined ? {} : external } });
  const join = hosts.join === undefined ? {} : { infra: 'external' as const };
  return planWithSecrets(disagg, options({ engine: 'sim', hosts, ...join, ...more }), facts).plan;
}

test('the host of the frontend starts etcd for the others and expects their workers', () => {
  const plan = planOn({ only: ['frontend', 'prefill'] });
  expect(plan.processes.map(({ name }) => name).toSorted()).toEqual(['etcd', 'frontend', 'prefill']);
  expect(plan.expected.map(({ component }) => component).toSorted()).toEqual(['backend', 'prefill']);
  expect(plan.namespace).toBe('dynamo-disagg');
  expect(plan.discovery).toEqual({ backend: 'etcd', endpoints: ['http://10.0.0.2:2379'] });
  expect(plan.choices.find(({ what }) => what === 'join')?.value).toBe(
    'dynamo up disagg --only decode --join http://10.0.0.2:2379',
  );
});

test('a host of workers alone has no URL, and comes to the same namespace', () => {
  const plan = planOn({ only: ['decode'], join: 'http://10.0.0.1:2379' });
  expect(plan.http).toBeUndefined();
  expect(plan.namespace).toBe('dynamo-disagg');
  expect(plan.processes.map(({ name }) => name)).toEqual(['decode']);
  expect(plan.processes[0]?.env).toMatchObject({ DYN_TCP_RPC_HOST: '10.0.0.2' });
  expect(openPorts(plan.processes).map(({ port }) => port)).toContain(plan.processes[0]?.ports.rpc);
});

test('without these options everything stays on loopback', () => {
  const plan = makePlan(disagg, options({ engine: 'sim' }), host({ addresses: [eth0] }));
  expect(JSON.stringify(plan)).not.toContain('10.0.0.2');
});

test('the address in the network of etcd is taken; several without one need --advertise', () => {
  const others = [{ address: '192.168.7.9', interface: 'eth1', prefix: 24 }, eth0];
  expect(planOn({ only: ['decode'], join: 'http://10.0.0.1:2379' }, {}, others).share?.interface).toBe(
    'eth0',
  );
  expect(() => planOn({ only: ['frontend', 'prefill'] }, {}, others)).toThrow('Cannot tell which address');
  expect(planOn({ advertise: '192.168.7.9' }, {}, others).share?.interface).toBe('eth1');
});

describe('refused', () => {
  test.each<[string, HostsOptions, Partial<PlanOptions>]>([
    ['no component frontent', { only: ['frontent'] }, {}],
    ['no interface of this host has that address', { advertise: '10.9.9.9' }, {}],
    ['--discovery file does not work across hosts', { only: ['decode'] }, { discovery: 'file' }],
    ['--runtime docker does not work across hosts', { only: ['decode'] }, { runtime: 'docker' }],
    ['--infra docker does not work across hosts', { only: ['decode'] }, { infra: 'docker' }],
  ])('%s', (message, hosts, more) => {
    expect(() => planOn(hosts, more)).toThrow(message);
  });

  test('a component on no host', () => {
    expect(() => splitOf(disagg, [{ component: 'prefill', host: 'a' }])).toThrow(
      '--split names no host for decode',
    );
  });
});

test('the frontend goes to the first host that is named', () => {
  const split = [
    { component: 'decode', host: 'b' },
    { component: 'prefill', host: 'a' },
  ];
  expect(splitOf(disagg, split)).toEqual([
    { host: 'b', components: ['frontend', 'decode'] },
    { host: 'a', components: ['prefill'] },
  ]);
});
