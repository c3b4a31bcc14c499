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

test.for([
  ['plan', ['--split', hosts, '--json'], 'Use --json or --split, not both.'],
  ['plan', ['--split', hosts, '--only', 'decode'], 'Use --split or --only, not both.'],
  ['plan', ['--split', 'prefill'], '--split "prefill": expected COMPONENT=HOST pairs'],
  [
    'up',
    ['--only', 'decode', '--advertise', '127.0.0.1'],
    '--advertise "127.0.0.1": expected an IPv4 address',
  ],
  ['up', ['--only', 'decode', '--advertise', 'fd00::2'], '--advertise "fd00::2": expected an IPv4 address'],
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
