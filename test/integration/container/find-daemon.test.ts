/** Facts derived from answers of real daemons: owner of files, and whose network it is. */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findDaemon } from '../../../src/container/find-daemon.ts';
import { temporaryFolder } from '../sim/processes.ts';

/** A socket that gives these answers to GET. Returns its address. */
async function answering(answers: Readonly<Record<string, object>>): Promise<string> {
  const socket = join(temporaryFolder(), 'd.sock');
  const server = createServer(({ url = '' }, response) => {
    const found = answers[url.replace(/^\/v[\d.]+/, '')];
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  return `unix://${socket}`;
}

const docker = { Version: '20.10.24+dfsg1', Components: [{ Name: 'Engine' }, { Name: 'containerd' }] };
const podman = { Version: '4.3.1', Components: [{ Name: 'Podman Engine' }, { Name: 'Conmon' }] };
const seccomp = 'name=seccomp,profile=default';
const me = `${process.getuid?.()}:${process.getgid?.()}`;

test.each([
  ['Docker', docker, { SecurityOptions: [seccomp] }, me, undefined],
  ['rootless Docker', docker, { SecurityOptions: [seccomp, 'name=rootless'] }, '0:0', true],
  ['Podman', podman, { SecurityOptions: [seccomp], Rootless: false }, me, undefined],
  ['rootless Podman', podman, { SecurityOptions: [seccomp], Rootless: true }, '0:0', undefined],
])('%s', async (_, version, info, user, hostNetworkIsOwn) => {
  const address = await answering({ '/version': version, '/info': info });
  const found = await findDaemon({ DOCKER_HOST: address }, '/nowhere');
  expect(found).toMatchObject({ daemon: { address, version: version.Version, user } });
  expect('daemon' in found && found.daemon.hostNetworkIsOwn).toBe(hostNetworkIsOwn);
});
