/** The default images of etcd and NATS, created from binaries of this host. */
import { expect } from 'vitest';
import type { DockerApi } from './docker-api.ts';
import { versions } from './installed.ts';

export const images = { etcd: 'bitnamilegacy/etcd:3.6.1', nats: 'nats:2.11.4', sim: 'node:22-slim' };

export async function makeInfraImages(daemon: DockerApi): Promise<void> {
  const [{ etcd, nats } = { etcd: 'etcd', nats: 'nats-server' }] = versions();
  await daemon.makeImage(images.etcd, [`${etcd}=/usr/bin/etcd`], ['ENV PATH=/usr/bin']);
  await daemon.makeImage(images.nats, [`${nats}=/nats-server`], ['ENTRYPOINT ["/nats-server"]']);
}

/** Asks the daemon itself, and removes what it finds for the next test. */
export async function expectNothingIn(daemon: DockerApi & { start(): Promise<void> }): Promise<void> {
  await daemon.start();
  const left = await daemon.everything();
  for (const [, name] of left.map((each) => /^container \/(\S+)/.exec(each) ?? [])) {
    if (name !== undefined) await daemon.ask('DELETE', `/containers/${name}?force=1&v=1`);
  }
  expect(left).toEqual([]);
}
