/** The section about external etcd and NATS: where a secret is, never the secret itself, and the errors otherwise. */
import { expect, test } from 'vitest';
import { loadProfile } from '../../../src/profile/load.ts';
import { failureOf, good, memoryFiles, request, set } from './memory-files.ts';

const withInfra = (lines: string): string => `${good}infra:\n${lines}`;
const etcd = (lines: string): string => withInfra(`  etcd:\n    endpoints: [https://a:2379]\n${lines}`);

test('endpoints, login and certificates are read as written', async () => {
  const text = withInfra(
    [
      '  etcd:',
      '    endpoints: [https://a:2379, https://b:2379]',
      '    username: me',
      '    password: {env: ETCD_PASSWORD}',
      '    tls: {ca: /ca.pem, cert: ~/cert.pem, key: ~/key.pem}',
      '  nats:',
      '    servers: [nats://c:4222]',
      '    token: {file: ~/token}',
      '',
    ].join('\n'),
  );
  const { profile } = await loadProfile(request(memoryFiles({ '/project/my.yaml': text }), './my.yaml'));
  expect(profile.infra).toEqual({
    etcd: {
      endpoints: ['https://a:2379', 'https://b:2379'],
      username: 'me',
      password: { env: 'ETCD_PASSWORD' },
      tls: { ca: '/ca.pem', cert: '~/cert.pem', key: '~/key.pem' },
    },
    nats: { servers: ['nats://c:4222'], token: { file: '~/token' } },
  });
});

/** Lines of the section, and the error; `hunter2` is the secret. */
const secrets: [name: string, lines: string, message: string, fix: string][] = [
  [
    'a password',
    etcd('    username: me\n    password: hunter2\n'),
    'my.yaml:15:15: infra.etcd.password: a secret in plain text',
    'write {env: NAME} or {file: /path}',
  ],
  [
    'one on a line of its own',
    etcd('    username: me\n    password:\n      hunter2\n'),
    'my.yaml:16:7: infra.etcd.password: a secret in plain text',
    'write {env: NAME} or {file: /path}',
  ],
  [
    'a token',
    withInfra('  nats: {servers: ["nats://a:4222"], token: hunter2}\n'),
    'infra.nats.token: a secret in plain text',
    'write {env: NAME} or {file: /path}',
  ],
  [
    'a seed',
    withInfra('  nats: {servers: ["nats://a:4222"], nkey: hunter2}\n'),
    'infra.nats.nkey: a secret in plain text',
    'write {env: NAME} or {file: /path}',
  ],
  [
    'a login in an address',
    withInfra('  etcd: {endpoints: ["http://me:hunter2@a:2379"]}\n'),
    'infra.etcd.endpoints[0]: expected http or https://host:port',
    'a login goes into its own keys',
  ],
];

test.each(secrets)('%s in plain text is an error that does not show it', async (_, text, message, fix) => {
  const { code, details } = await failureOf(text);
  const told = details.join('\n');
  expect(code).toBe('profile-invalid');
  expect(told).toContain(message);
  expect(told).toContain(fix);
  expect(told).not.toContain('hunter2');
});

test('--set and variables of parameters cannot circumvent that', async () => {
  const byOption = await failureOf(etcd('    username: me\n'), {
    settings: set('infra.etcd.password=hunter2'),
  });
  const byVariable = await failureOf(
    `${etcd('    username: me\n    password: ${word}\n')}parameters:\n  word: {type: string, description: x, env: WORD}\n`,
    { environment: { WORD: 'hunter2' } },
  );
  for (const { message, details } of [byOption, byVariable]) {
    const told = [message, ...details].join('\n');
    expect(told).toContain('infra.etcd.password: a secret in plain text');
    expect(told).not.toContain('hunter2');
  }
});

test.each([
  ['username: me', 'infra.etcd.username: has no password'],
  ['password: {env: WORD}', 'infra.etcd.password: has no username'],
  ['username: me\n    password: {}', 'infra.etcd.password: must name exactly one of env and file'],
  [
    'username: me\n    password: {env: A, file: /b}',
    'infra.etcd.password: must name exactly one of env and file',
  ],
  ['tls: {cert: /cert.pem}', 'infra.etcd.tls: has no key'],
  ['tls: {ca: ca.pem}', 'infra.etcd.tls.ca: expected a path that starts with / or ~/'],
  ['user: me', 'infra.etcd.user: unknown key'],
  ['password: {variable: A}', 'infra.etcd.password.variable: unknown key'],
])('%s: %s', async (line, message) => {
  const { details } = await failureOf(etcd(`    ${line}\n`));
  expect(details.join('\n')).toContain(message);
});

test('one login for NATS, and TLS for https alone', async () => {
  const { details } = await failureOf(
    withInfra(
      '  nats: {servers: ["nats://a"], token: {env: A}, nkey: {env: B}}\n' +
        '  etcd: {endpoints: ["a:2379"], tls: {ca: /ca.pem}}\n',
    ),
  );
  expect(details.join('\n')).toContain('infra.nats.nkey: is set together with token');
  expect(details.join('\n')).toContain('infra.etcd.tls: requires https, but an endpoint is a:2379');
});
