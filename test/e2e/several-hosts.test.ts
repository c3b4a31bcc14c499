/** What `up` and `plan` say about several hosts, without a second one; test/real/hosts has two. */
import { expect } from 'vitest';
import { dynamo, succeed } from './harness/cli.ts';
import { test } from './harness/world.ts';

const hosts = 'prefill=10.0.0.1,decode=10.0.0.2';

test('--split prints the command of each host, with worker arguments last', async ({ world }) => {
  const args = ['plan', 'disagg', '--engine', 'sim', '--split', hosts, '--', '--page-size', '16'];
  const { stdout } = await succeed(world, args);
  expect(stdout.split('\n').slice(0, 4)).toEqual([
    '# on 10.0.0.1',
    'dynamo up disagg --engine sim --only frontend,prefill --advertise 10.0.0.1 -- --page-size 16',
    '# on 10.0.0.2',
    'dynamo up disagg --engine sim --only decode --join http://10.0.0.1:2379 --advertise 10.0.0.2 -- --page-size 16',
  ]);
});

test('--nnodes prints the command of each rank, and what must be open', async ({ world }) => {
  const cpu = ['--set', 'device=cpu', '--set', 'components.worker.tensorParallel=2'];
  const meet = ['--nnodes', '2', '--dist-init-addr', '10.0.0.1:29500'];
  const { stdout } = await succeed(world, ['plan', 'agg', '--engine', 'sim', ...cpu, ...meet]);
  const start =
    'dynamo up agg --engine sim --set device=cpu --set components.worker.tensorParallel=2 --nnodes 2';
  expect(stdout.split('\n').slice(0, 4)).toEqual([
    '# on the host of rank 0, first',
    `${start} --node-rank 0 --dist-init-addr 10.0.0.1:29500`,
    '# on the host of rank 1',
    `${start} --node-rank 1 --dist-init-addr 10.0.0.1:29500 --join http://10.0.0.1:2379`,
  ]);
  expect(stdout).toMatch(/10\.0\.0\.1 29500 +from the other ranks/);
});

test('a profile with nodes is refused on one host, with the command that prints those of all', async ({
  world,
}) => {
  const spread = ['--set', 'components.worker.gpus=2', '--set', 'components.worker.nodes=2'];
  const { code, stderr } = await dynamo(world, ['up', 'agg', '--engine', 'sim', ...spread]);
  expect(stderr).toContain('components.worker.nodes: 2 machines, and this is one.');
  expect(stderr).toContain('fix: dynamo plan agg --nnodes 2');
  expect(code).toBe(64);
});

test.for([
  ['plan', ['--split', hosts, '--json'], 'Use --json or --split, not both.'],
  ['plan', ['--split', hosts, '--only', 'decode'], 'Use --split or --only, not both.'],
  ['plan', ['--split', 'prefill'], '--split "prefill": expected COMPONENT=HOST pairs'],
  [
    'up',
    ['--only', 'decode', '--advertise', '127.0.0.1'],
    '--advertise "127.0.0.1": expected an address that other hosts can reach',
  ],
  ['up', ['--only', 'decode', '--advertise', 'fe80::2'], '--advertise "fe80::2": expected an address'],
  ['plan', ['--nnodes', '2'], '--nnodes 2 is for one worker, and prefill and decode are to be run.'],
  ['plan', ['--nnodes', '2', '--json'], 'Use --nnodes or --json, not both.'],
  ['up', ['--nnodes', '2'], '--node-rank is missing: one worker on several hosts needs all three.'],
  [
    'up',
    ['--nnodes', '2', '--node-rank', '2', '--dist-init-addr', '10.0.0.1:29500'],
    '--node-rank "2": expected a number from 0 to 1',
  ],
  [
    'up',
    ['--nnodes', '2', '--node-rank', '1', '--dist-init-addr', '10.0.0.1:29500'],
    '--node-rank 1: --join is missing.',
  ],
  [
    'up',
    ['--nnodes', '2', '--node-rank', '0', '--dist-init-addr', '127.0.0.1:29500'],
    '--dist-init-addr "127.0.0.1:29500": expected address and port of rank 0',
  ],
  ['up', ['--only', 'decode', '--join', '10.0.0.1'], '--join "10.0.0.1": expected the URL of an etcd'],
] as const)('%s %j is refused', async ([verb, flags, message], { world }) => {
  const { code, stderr } = await dynamo(world, [verb, 'disagg', '--engine', 'sim', ...flags]);
  expect(stderr).toContain(message);
  expect(code).toBe(64);
});

test('a login in --join is refused, and not shown', async ({ world }) => {
  const join = 'http://root:hunter2@10.0.0.1:2379';
  const { code, stderr } = await dynamo(world, ['up', 'disagg', '--only', 'decode', '--join', join]);
  expect(code).toBe(64);
  expect(stderr).toContain('ETCD_AUTH_USERNAME');
  expect(stderr).not.toContain('hunter2');
});
