/** A client uses the given daemon, whatever the environment says. */
import { afterEach, expect, test, vi } from 'vitest';
import { connect } from '../../../src/container/client.ts';

afterEach(() => void vi.unstubAllEnvs());

test('DOCKER_HOST and its certificates are ignored if an address is given', () => {
  vi.stubEnv('DOCKER_HOST', 'tcp://192.0.2.1:2376');
  vi.stubEnv('DOCKER_CERT_PATH', '/nowhere');
  expect(connect({ address: 'unix:///a.sock' }).modem).toMatchObject({
    socketPath: '/a.sock',
    host: undefined,
  });
  const { modem } = connect({ address: 'tcp://[::1]' });
  expect(modem).toMatchObject({ protocol: 'http', host: '::1', port: 2375 });
  expect(process.env['DOCKER_HOST']).toBe('tcp://192.0.2.1:2376');
});

test('missing certificates are named', () => {
  const address = 'tcp://127.0.0.1:1';
  expect(() => connect({ address, certificates: '/nowhere' })).toThrow('there is no /nowhere/ca.pem');
});
