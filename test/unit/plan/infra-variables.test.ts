/** Credentials leave the addresses, which are printed and stored. */
import { expect, test } from 'vitest';
import { ignoredVariables, withoutCredentials } from '../../../src/plan/infra-variables.ts';

test.each([
  [{}, {}],
  [{ NATS_SERVER: 'nats://host:4222', ETCD_ENDPOINTS: 'http://a:1,http://b:2' }, {}],
  [
    { NATS_SERVER: 'nats://me:p%40ss@host:4222' },
    { NATS_SERVER: 'nats://host:4222', NATS_AUTH_USERNAME: 'me', NATS_AUTH_PASSWORD: 'p@ss' },
  ],
  [{ NATS_SERVER: 's3cret@host' }, { NATS_SERVER: 'host', NATS_AUTH_TOKEN: 's3cret' }],
  [
    { ETCD_ENDPOINTS: 'https://me:x@a:2379, https://me:x@b:2379' },
    { ETCD_ENDPOINTS: 'https://a:2379,https://b:2379', ETCD_AUTH_USERNAME: 'me', ETCD_AUTH_PASSWORD: 'x' },
  ],
])('%j', (environment, changed) => {
  expect(withoutCredentials(environment)).toEqual(changed);
});

test('what names an external etcd that is used is not said to be ignored', () => {
  const use = { addresses: ['http://a:1'], version: '3' };
  const scrubbed = ['DYN_SYSTEM_PORT', 'ETCD_ENDPOINTS', 'NATS_SERVER'];
  const files = { folders: [], files: [] };
  const external = { ...files, etcd: { ...use, from: 'external' as const } };
  const own = { ...files, etcd: { ...use, from: 'process' as const, path: '/etcd' } };
  expect(ignoredVariables({ scrubbed, infra: external })).toEqual(['DYN_SYSTEM_PORT', 'NATS_SERVER']);
  expect(ignoredVariables({ scrubbed, infra: own })).toEqual(scrubbed);
  expect(ignoredVariables({ scrubbed })).toEqual(scrubbed);
});
