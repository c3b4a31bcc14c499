/** Credentials of an external etcd are recovered from a plan, and missing ones are named. */
import { expect, test } from 'vitest';
import { reachOf } from '../../../src/infra/reach.ts';
import { accessPlaces } from '../../../src/plan/infra-access.ts';

test('a profile: plain user name, password in its variable, certificates in their files', () => {
  const etcd = {
    endpoints: ['https://a:1'],
    username: 'me',
    password: { env: 'WORD' },
    tls: { ca: '/no/ca.pem' },
  };
  const places = accessPlaces(etcd, { ETCD_AUTH_PASSWORD: 'of others' });
  expect(places).toEqual({
    ETCD_AUTH_USERNAME: { value: 'me' },
    ETCD_AUTH_PASSWORD: { env: 'WORD' },
    ETCD_AUTH_CA: { file: '/no/ca.pem' },
  });
  const { environment, missing, variables } = reachOf(places, { ETCD_AUTH_PASSWORD: 'of others' });
  expect(environment).toEqual({ ETCD_AUTH_USERNAME: 'me' });
  expect(missing).toEqual([
    'WORD is not set',
    expect.stringMatching(/^\/no\/ca\.pem cannot be read: ENOENT/),
  ]);
  expect(variables).toEqual(['WORD']);
});

test('the environment: under the original names', () => {
  const caller = { ETCD_AUTH_USERNAME: 'me', ETCD_AUTH_PASSWORD: 'x' };
  const places = accessPlaces(undefined, caller);
  expect(reachOf(places, caller)).toEqual({
    environment: caller,
    missing: [],
    variables: ['ETCD_AUTH_USERNAME', 'ETCD_AUTH_PASSWORD'],
  });
  expect(reachOf(places, { ETCD_AUTH_USERNAME: 'me' }).variables).toEqual(['ETCD_AUTH_PASSWORD']);
});
