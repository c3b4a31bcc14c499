/** Installs real binaries for the commands of a test, one version at a time. */
import { existsSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { World } from '../../e2e/harness/world.ts';
import { binaries } from './server.ts';

/** The tested pairs: the first of both, the second of both, and so on. */
export interface Versions {
  readonly etcd: string;
  readonly nats: string;
}

export function versions(): Versions[] {
  const [etcds, natses] = [binaries('etcd'), binaries('nats-server')];
  const count = Math.max(etcds.length, natses.length);
  return Array.from({ length: count }, (_, i) => ({
    etcd: onPath(etcds[i % etcds.length] ?? 'etcd'),
    nats: onPath(natses[i % natses.length] ?? 'nats-server'),
  }));
}

/** On the PATH of this test environment. */
export function install(world: World, { etcd, nats }: Versions): void {
  symlinkSync(etcd, join(world.bin, 'etcd'));
  symlinkSync(nats, join(world.bin, 'nats-server'));
}

function onPath(binary: string): string {
  if (binary.includes('/')) return binary;
  const files = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, binary));
  return files.find((file) => existsSync(file)) ?? binary;
}
