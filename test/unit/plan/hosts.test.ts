/** One deployment on several hosts: which address, which components, which namespace, and what is refused. */
import { describe, expect, test } from 'vitest';
import { makePlan, planWithSecrets } from '../../../src/plan/make-plan.ts';
import { openPorts, splitOf } from '../../../src/plan/hosts-plan.ts';
import { shareRules } from '../../../src/plan/shares.ts';
import type { HostFacts, HostsOptions, PlanOptions } from '../../../src/plan/request.ts';
import { gpusOf, host, options, pythonOf } from '../../support/profile.ts';
import { shipped } from '../../support/shipped-profiles.ts';

const disagg = await shipped('disagg');
const eth0 = { address: '10.0.0.2', interface: 'eth0', prefix: 24 };
const infra = {
  binaries: { etcd: { path: '/bin/etcd', version: '3.5' } },
  external: { etcd: { addresses: ['http://10.0.0.1:2379'], version: '3.5' } },
  persistentFolder: '',
};

const shares = await shareRules({ hosts: { only: [] } });

function factsFor(hosts: HostsOptions, addresses = [eth0]): HostFacts {
  const { external, ...own } = infra;
  return host({ addresses, infra: { ...own, external: hosts.join === undefined ? {} : external } });
}

function planOn(hosts: HostsOptions, more: Partial<PlanOptions> = {}, addresses = [eth0]) {
  const facts = factsFor(hosts, addresses);
  const join = hosts.join === undefined ? {} : { infra: 'external' as const };
  return planWithSecrets(disagg, options({ engine: 'sim', hosts, ...join, ...more }), facts, shares).plan;
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

describe('one worker on two hosts', () => {
  const meet = { host: '10.0.0.1', port: 29_500 };
  const join = 'http://10.0.0.1:2379';
  const head = { address: '10.0.0.1', interface: 'eth0', prefix: 24 };

  async function rankOf(rank: number, document: Readonly<Record<string, unknown>> = { gpus: 4 }) {
    const hosts = { rank: { rank, of: 2, meet }, ...(rank === 0 ? {} : { join }) };
    const given = await shipped('agg');
    const { worker } = given.components;
    if (worker?.kind !== 'worker') throw new Error('agg has no worker');
    const profile = { ...given, components: { ...given.components, worker: { ...worker, ...document } } };
    const facts = {
      ...factsFor(hosts, [rank === 0 ? head : eth0]),
      gpus: gpusOf(2),
      python: pythonOf('1.4.2', '0.5.16'),
    };
    const infraFrom = rank === 0 ? 'auto' : 'external';
    return planWithSecrets(profile, options({ engine: 'sglang', hosts, infra: infraFrom }), facts, shares)
      .plan;
  }

  test('each takes its half of the GPUs, with the tensor parallel size of both', async () => {
    const [zero, one] = await Promise.all([rankOf(0), rankOf(1)]);
    for (const [index, plan] of [zero, one].entries()) {
      const worker = plan.processes.find(({ name }) => name === 'worker');
      expect(worker?.gpus).toEqual(['0', '1']);
      expect(worker?.argv.join(' ')).toContain(
        `--tp-size 4 --nnodes 2 --node-rank ${index} --dist-init-addr 10.0.0.1:29500`,
      );
    }
  });

  test('rank 0 serves and listens for the others; rank 1 runs the worker alone, and proves that it has loaded', async () => {
    const [zero, one] = await Promise.all([rankOf(0), rankOf(1)]);
    expect(zero.processes.map(({ name }) => name).toSorted()).toEqual(['etcd', 'frontend', 'worker']);
    expect(zero.expected.map(({ count }) => count)).toEqual([1]);
    expect(openPorts(zero.processes).find(({ port }) => port === 29_500)?.from).toContain('other ranks');
    expect(zero.choices.find(({ what }) => what === 'join')?.value).toBe(
      'dynamo up agg --nnodes 2 --node-rank 1 --dist-init-addr 10.0.0.1:29500 --join http://10.0.0.1:2379',
    );
    expect(one.processes.map(({ name }) => name)).toEqual(['worker']);
    expect(one.processes[0]?.registersAs).toBeUndefined();
    expect(one.processes[0]?.ports.ranks).toBeUndefined();
    expect(one.processes[0]?.probe).toEqual({
      kind: 'metric',
      url: `http://10.0.0.2:${one.processes[0]?.ports.system}/metrics`,
      metric: 'dynamo_component_model_load_time_seconds',
    });
  });

  test.each<[string, number, Readonly<Record<string, unknown>>]>([
    ['components.worker has 3 GPUs, which 2 hosts cannot share evenly', 0, { gpus: 3 }],
    ['components.worker has tensorParallel 1, which 2 hosts', 1, { gpus: 4, tensorParallel: 1 }],
    ['the profile says nodes: 4', 0, { gpus: 4, nodes: 4 }],
    [
      '--nnodes 2 is for one worker, and this host would run worker-1 and worker-2',
      0,
      { gpus: 2, replicas: 2 },
    ],
    ['a worker of mode embedding runs on one host', 0, { gpus: 2, mode: 'embedding' }],
  ])('refused: %s', async (message, rank, document) => {
    await expect(rankOf(rank, document)).rejects.toThrow(message);
  });

  test('rank 0 listens at an address of its own host', () => {
    const hosts = { rank: { rank: 0, of: 2, meet } };
    expect(() => planOn({ ...hosts, only: ['frontend', 'prefill'] })).toThrow(
      '--dist-init-addr 10.0.0.1:29500: no interface of this host has that address',
    );
  });

  test('the mocker has no ranks, and a profile with nodes needs them', async () => {
    const rank = { rank: 0, of: 2, meet: { ...meet, host: '10.0.0.2' } };
    const mocker = { engine: 'mocker' as const };
    const facts = { ...factsFor({}), python: pythonOf('1.6.1') };
    const agg = await shipped('agg');
    expect(() => planWithSecrets(agg, options({ ...mocker, hosts: { rank } }), facts, shares)).toThrow(
      'a worker of the engine mocker runs on one host',
    );
    const { worker } = agg.components;
    if (worker?.kind !== 'worker') throw new Error('agg has no worker');
    const spread = { ...agg, components: { ...agg.components, worker: { ...worker, gpus: 2, nodes: 2 } } };
    expect(() => makePlan(spread, options({ engine: 'sim' }), host())).toThrow(
      'components.worker.nodes: 2 machines, and this is one',
    );
  });
});
