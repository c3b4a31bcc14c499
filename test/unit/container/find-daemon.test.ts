/** Where a Docker daemon is searched for, and which ones are refused. */
import { expect, test } from 'vitest';
import { type DockerSettings, endpointsIn } from '../../../src/container/find-daemon.ts';

const none: DockerSettings = { folder: '/home/me/.docker', contextOf: () => undefined };
const contexts: DockerSettings = {
  folder: '/home/me/.docker',
  currentContext: 'mine',
  contextOf: (name) =>
    ({
      mine: { address: 'unix:///home/me/docker.sock' },
      tls: { address: 'tcp://127.0.0.1:2376', certificates: '/home/me/tls' },
      far: { address: 'ssh://me@far.example' },
    })[name],
};

const addresses = (environment: Record<string, string>, settings = none): string[] =>
  endpointsIn(environment, settings).map(({ address }) => address);

test('without configuration, the usual sockets in order', () => {
  expect(addresses({ XDG_RUNTIME_DIR: '/run/user/1000' })).toEqual([
    'unix:///var/run/docker.sock',
    'unix:///run/user/1000/docker.sock',
    'unix:///run/user/1000/podman/podman.sock',
    'unix:///run/podman/podman.sock',
  ]);
  expect(addresses({})).toEqual(['unix:///var/run/docker.sock', 'unix:///run/podman/podman.sock']);
});

test('DOCKER_HOST overrides a context, DOCKER_CONTEXT the current one, without fallback', () => {
  const host = { DOCKER_HOST: 'unix:///a.sock' };
  expect(addresses({ ...host, DOCKER_CONTEXT: 'tls' }, contexts)).toEqual(['unix:///a.sock']);
  expect(addresses({ DOCKER_CONTEXT: 'tls' }, contexts)).toEqual(['tcp://127.0.0.1:2376']);
  expect(addresses({}, contexts)).toEqual(['unix:///home/me/docker.sock']);
  expect(addresses({ DOCKER_CONTEXT: 'default' }, contexts)).toHaveLength(2);
});

test('certificates come from the context, or with TLS from DOCKER_CERT_PATH', () => {
  expect(endpointsIn({ DOCKER_CONTEXT: 'tls' }, contexts)[0]?.certificates).toBe('/home/me/tls');
  const environment = { DOCKER_HOST: 'tcp://localhost:2376', DOCKER_CERT_PATH: '/certs' };
  expect(endpointsIn({ ...environment, DOCKER_TLS_VERIFY: '1' }, none)[0]?.certificates).toBe('/certs');
  expect(endpointsIn(environment, none)[0]?.certificates).toBeUndefined();
  const bare = { DOCKER_HOST: 'tcp://127.0.0.1:2376', DOCKER_TLS_VERIFY: '1' };
  expect(endpointsIn(bare, none)[0]?.certificates).toBe('/home/me/.docker');
  const socket = { DOCKER_HOST: 'unix:///a.sock', DOCKER_TLS_VERIFY: '1' };
  expect(endpointsIn(socket, none)[0]?.certificates).toBeUndefined();
});

test.for([
  ['tcp://10.0.0.5:2375', 'on another host, tcp://10.0.0.5:2375', 'unset DOCKER_HOST'],
  ['ssh://me:secret@far.example', 'on another host, ssh://far.example', 'unset DOCKER_HOST'],
  ['https://docker.example', 'on another host', 'unset DOCKER_HOST'],
  ['nonsense', 'neither unix:///path nor tcp://host:port', 'unset DOCKER_HOST'],
  ['unix://', 'neither unix:///path nor tcp://host:port', 'unset DOCKER_HOST'],
] as const)('%s is refused', ([address, words, hint]) => {
  expect(refusal({ DOCKER_HOST: address })).toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining(words),
    hint: expect.stringContaining(hint),
  });
});

test('a context on another host and a missing one are refused by name', () => {
  expect(refusal({ DOCKER_CONTEXT: 'far' })).toMatchObject({
    message: expect.stringContaining('Docker context far names a Docker daemon on another host'),
    hint: expect.stringContaining('docker context use default'),
  });
  expect(refusal({ DOCKER_CONTEXT: 'gone' })).toMatchObject({
    message: 'The Docker context gone does not exist.',
  });
});

function refusal(environment: Record<string, string>): unknown {
  try {
    return endpointsIn(environment, contexts);
  } catch (error) {
    return error;
  }
}
