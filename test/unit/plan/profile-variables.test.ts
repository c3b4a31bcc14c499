/** What a profile says of its etcd and NATS, in upstream's variables; and nothing that was meant for others. */
import { expect, test } from 'vitest';
import { type ReferenceReader, variablesOfProfile } from '../../../src/plan/profile-variables.ts';

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

test('NATS with a token, and one with a file of credentials', () => {
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

test('logins of the environment are taken back where the profile names the server, and only there', () => {
  const environment = { ETCD_AUTH_PASSWORD: 'x', ETCD_AUTH_CA: '/other.pem', NATS_AUTH_TOKEN: 'x' };
  const infra = { etcd: { endpoints: ['http://a:1'] } };
  const said = variablesOfProfile('etcd', { infra }, environment, reader);
  expect(said).toMatchObject({ ETCD_AUTH_PASSWORD: undefined, ETCD_AUTH_CA: undefined });
  expect(said).not.toHaveProperty('NATS_AUTH_TOKEN');
  expect(variablesOfProfile('nats', { infra }, environment, reader)).toEqual({});
});
