/** Logins for an external etcd or NATS: their variables, and which ones the installed Dynamo cannot use. */
import { expect, test } from 'vitest';
import {
  ignoredVariables,
  type ReferenceReader,
  requireAccess,
  variablesOfProfile,
  withoutCredentials,
} from '../../../src/plan/infra-access.ts';

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
  [secure, { ...login, ...certificates }, /a login and certificates are set/],
  [secure, authority, /ca, cert and key/],
  [secure, long, /128 KiB/],
])('%j with %j', (uses, environment, refusal) => {
  const check = () => requireAccess(uses, environment, '1.6.1');
  if (refusal === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(refusal);
});

test('our own etcd and NATS need neither', () => {
  const own = { etcd: { ...external('https://a:1'), from: 'process', path: '/etcd' } } as const;
  expect(() => requireAccess(own, { ...login, ...certificates }, '1.6.1')).not.toThrow();
});

test.each([
  ['tls://a:1', '1.4.2', true],
  ['tls://a:1', '1.5.0', false],
  ['nats://a:1', '1.1.1', false],
])('NATS at %s with %s: refused %s', (address, version, refused) => {
  const check = () => requireAccess({ nats: external(address) }, {}, version);
  if (refused) expect(check).toThrow(/requires TLS, which Dynamo 1\.4\.2 does not support/);
  else expect(check).not.toThrow();
});

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

test('variables of an external etcd in use are not reported as ignored', () => {
  const use = { addresses: ['http://a:1'], version: '3' };
  const scrubbed = ['DYN_SYSTEM_PORT', 'ETCD_ENDPOINTS', 'NATS_SERVER'];
  const files = { folders: [], files: [] };
  const fromOutside = { ...files, etcd: { ...use, from: 'external' as const } };
  const own = { ...files, etcd: { ...use, from: 'process' as const, path: '/etcd' } };
  expect(ignoredVariables({ scrubbed, infra: fromOutside })).toEqual(['DYN_SYSTEM_PORT', 'NATS_SERVER']);
  expect(ignoredVariables({ scrubbed, infra: own })).toEqual(scrubbed);
  expect(ignoredVariables({ scrubbed })).toEqual(scrubbed);
});

const reader: ReferenceReader = {
  secret: (key, reference) => reference && `${key} in ${reference.env ?? reference.file}`,
  path: (written) => written?.replace('~', '/home/me'),
};
const set = (variables: Readonly<Record<string, string | undefined>>) =>
  Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined));

test('etcd with login and certificates', () => {
  const etcd = {
    endpoints: ['https://a:1', 'https://b:2'],
    username: 'me',
    password: { env: 'WORD' },
    tls: { ca: '~/ca.pem', cert: '/cert.pem', key: '/key.pem' },
  };
  expect(variablesOfProfile('etcd', { infra: { etcd } }, {}, reader)).toEqual({
    ETCD_ENDPOINTS: 'https://a:1,https://b:2',
    ETCD_AUTH_USERNAME: 'me',
    ETCD_AUTH_PASSWORD: 'infra.etcd.password in WORD',
    ETCD_AUTH_CA: '/home/me/ca.pem',
    ETCD_AUTH_CLIENT_CERT: '/cert.pem',
    ETCD_AUTH_CLIENT_KEY: '/key.pem',
  });
});

test('NATS with a token, and with a credentials file', () => {
  const servers = ['nats://a:4222'];
  const token = { servers, token: { file: '/token' }, tls: { ca: '/ca.pem' } };
  expect(set(variablesOfProfile('nats', { infra: { nats: token } }, {}, reader))).toEqual({
    NATS_SERVER: 'nats://a:4222',
    NATS_AUTH_TOKEN: 'infra.nats.token in /token',
    NATS_TLS_CA_CERT_PATH: '/ca.pem',
  });
  const file = { servers, credentialsFile: '~/creds' };
  expect(set(variablesOfProfile('nats', { infra: { nats: file } }, {}, reader))).toEqual({
    NATS_SERVER: 'nats://a:4222',
    NATS_AUTH_CREDENTIALS_FILE: '/home/me/creds',
  });
});

test('logins from the environment are dropped only if the profile names the server', () => {
  const environment = { ETCD_AUTH_PASSWORD: 'x', ETCD_AUTH_CA: '/other.pem', NATS_AUTH_TOKEN: 'x' };
  const infra = { etcd: { endpoints: ['http://a:1'] } };
  const said = variablesOfProfile('etcd', { infra }, environment, reader);
  expect(said).toMatchObject({ ETCD_AUTH_PASSWORD: undefined, ETCD_AUTH_CA: undefined });
  expect(said).not.toHaveProperty('NATS_AUTH_TOKEN');
  expect(variablesOfProfile('nats', { infra }, environment, reader)).toEqual({});
});
