/**
 * A container daemon for the tests of one file: started before the first, checked for leftovers after each, stopped
 * after the last.
 */
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { DockerApi } from './docker-api.ts';
import { expectNothingIn, makeInfraImages } from './infra-images.ts';

interface Daemon extends DockerApi {
  start(): Promise<void>;
  end(): Promise<void>;
}

/**
 * With the images of etcd and NATS, or what `prepare` creates. Call it at the top of the file, and the result within
 * tests.
 */
export function daemonOfFile<D extends Daemon>(
  start: () => Promise<D>,
  prepare: (daemon: D) => Promise<void> = makeInfraImages,
): () => D {
  let daemon: D | undefined;
  const running = (): D => {
    if (daemon === undefined) throw new Error('the daemon of this file was not started');
    return daemon;
  };
  beforeAll(async () => {
    daemon = await start();
    await prepare(daemon);
  }, 900_000);
  afterAll(async () => await daemon?.end(), 120_000);
  afterEach(async () => await expectNothingIn(running()));
  return running;
}
