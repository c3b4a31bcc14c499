/** Ways into an etcd and a NATS of others that the installed Dynamo does not have. */
import { expect, test } from 'vitest';
import { requireAccess } from '../../../src/plan/infra-access.ts';

const external = (address: string) => ({ from: 'external', addresses: [address], version: '3' }) as const;
const [secure, plain] = [{ etcd: external('https://a:1') }, { etcd: external('http://a:1') }];
const login = { ETCD_AUTH_USERNAME: 'me', ETCD_AUTH_PASSWORD: 'x' };
const authority = { ETCD_AUTH_CA: 'text' };
const certificates = { ...authority, ETCD_AUTH_CLIENT_CERT: 'text', ETCD_AUTH_CLIENT_KEY: 'text' };
const long = { ...certificates, ETCD_AUTH_CA: 'x'.repeat(131_072) };

test.each([
  [plain, login, undefined],
  [plain, { ...login, ...certificates }, undefined],
  [secure, certificates, undefined],
  [secure, login, undefined],
  [secure, {}, undefined],
  [secure, { ...login, ...certificates }, /a login beside certificates/],
  [secure, authority, /a ca, a cert and a key/],
  [secure, long, /128 KiB/],
])('%j with %j', (uses, environment, refusal) => {
  const check = () => requireAccess(uses, environment, '1.6.1');
  if (refusal === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(refusal);
});

test('those of our own are met without either', () => {
  const own = { etcd: { ...external('https://a:1'), from: 'process', path: '/etcd' } } as const;
  expect(() => requireAccess(own, { ...login, ...certificates }, '1.6.1')).not.toThrow();
});

test.each([
  ['tls://a:1', '1.4.2', true],
  ['tls://a:1', '1.5.0', false],
  ['nats://a:1', '1.1.1', false],
])('NATS at %s with %s: refused %s', (address, version, refused) => {
  const check = () => requireAccess({ nats: external(address) }, {}, version);
  if (refused) expect(check).toThrow(/over TLS, which Dynamo 1\.4\.2 cannot do/);
  else expect(check).not.toThrow();
});
