/** D30 against a real dockerd: leftovers of dead runs, withdrawn images, and a missing daemon. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../integration/sim/processes.ts';
import { type DockerDaemon, startDocker } from '../support/docker.ts';
import { doctor } from './run-doctor.ts';

let daemon: DockerDaemon;

beforeAll(async () => {
  daemon = await startDocker();
}, 600_000);

afterAll(async () => await daemon.end(), 60_000);

/** A container that was created but never started, which is enough. */
async function container(name: string, image: string, labels: Readonly<Record<string, string>> = {}) {
  await daemon.makeImage(image, [], ['CMD ["/nothing"]']);
  await daemon.ask('POST', `/containers/create?name=${name}`, { Image: image, Labels: labels });
}

/** A state folder with the record of a run that has ended. */
function stateWith(runId: string): string {
  const state = temporaryFolder();
  const folder = join(state, 's', 'dynamo', 'runs', runId);
  mkdirSync(folder, { recursive: true });
  const supervisor = { bootId: 'another', pid: 1, startTime: '1' };
  const record = { runId, name: 'agg', startedAt: 1, detached: true, version: '0', supervisor, endedAt: 2 };
  writeFileSync(join(folder, 'run.json'), JSON.stringify(record));
  return state;
}

test('a daemon without containers is ok', async () => {
  expect(await doctor('docker', daemon.env)).toMatchObject({
    status: 'ok',
    evidence: expect.stringMatching(/^Docker \d+\.\S+, 0 containers/),
  });
});

test('a container of a dead run is listed; one of an unknown run is left alone', async () => {
  await container('of-the-dead', 'doctor-test:1', { 'dynamo.run': 'agg-dead' });
  await container('of-a-stranger', 'doctor-test:1', { 'dynamo.run': 'agg-elsewhere' });
  expect(await doctor('docker', daemon.env, [], stateWith('agg-dead'))).toMatchObject({
    status: 'warn',
    evidence: '1 container of dead runs: of-the-dead of agg-dead',
    fix: expect.stringContaining('docker rm -f of-the-dead'),
  });
  expect(await doctor('docker', daemon.env)).toMatchObject({ status: 'ok' });
});

test('an image that is no longer published is listed', async () => {
  await container('old-etcd', 'bitnami/etcd:3.6.1');
  expect(await doctor('docker', daemon.env)).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('old-etcd uses bitnami/etcd:3.6.1'),
  });
});

test('a daemon that does not answer is not checked if nothing needs it', async () => {
  expect(await doctor('docker', { DOCKER_HOST: 'unix:///nowhere.sock' })).toMatchObject({
    status: 'skip',
    evidence: expect.stringContaining('there is no such socket'),
  });
});
