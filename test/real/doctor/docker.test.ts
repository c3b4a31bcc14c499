/** D30 against a real dockerd of its own: leftovers of dead runs, images that are gone, and a daemon that is not there. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder, until } from '../../integration/sim/processes.ts';
import { doctor } from './run-doctor.ts';

/** A dockerd needs root and a kernel that lets it: only who names one gets these tests. `REAL_DOCKERD=dockerd`. */
const binary = process.env['REAL_DOCKERD'] ?? '';

let host = '';
let stop = async (): Promise<void> => {};

beforeAll(async () => {
  if (binary === '') return;
  const folder = mkdtempSync(join(tmpdir(), 'doctor-docker-'));
  host = `unix://${folder}/docker.sock`;
  const flags = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '-H', host];
  const pidFile = join(folder, 'pid');
  const apart = ['--pidfile', pidFile, '--iptables=false', '--ip6tables=false', '--bridge=none'];
  const daemon = spawn(binary, [...flags, ...apart], { stdio: 'ignore' });
  const ended = new Promise((resolve, reject) => {
    daemon.once('exit', resolve);
    daemon.once('error', () => reject(new Error(`${binary} does not run: apt-get install -y docker.io`)));
  });
  stop = async () => {
    daemon.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  await Promise.race([ended, until('dockerd answers', () => docker('version') !== '', 50_000)]);
}, 60_000);

afterAll(async () => await stop(), 60_000);

function docker(...words: string[]): string {
  const env = { ...process.env, DOCKER_HOST: host };
  return execFileSync('docker', words, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A container that was made and never started: what counts is that it is there. */
function container(name: string, image: string, ...flags: string[]): void {
  const layer = execFileSync('tar', ['-c', '-T', '/dev/null']);
  const env = { ...process.env, DOCKER_HOST: host };
  execFileSync('docker', ['import', '-', image], { env, input: layer, stdio: ['pipe', 'ignore', 'pipe'] });
  docker('create', '--name', name, ...flags, image, '/nothing');
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

describe.skipIf(binary === '')('with a dockerd', () => {
  test('a daemon without containers is well', async () => {
    expect(await doctor('docker', { DOCKER_HOST: host })).toMatchObject({
      status: 'ok',
      evidence: expect.stringMatching(/^Docker \d+\.\S+, 0 containers/),
    });
  });

  test('a container of a dead run is named; one of a run that is not known here is left alone', async () => {
    container('of-the-dead', 'doctor-test:1', '--label', 'dynamo.run=agg-dead');
    container('of-a-stranger', 'doctor-test:1', '--label', 'dynamo.run=agg-elsewhere');
    expect(await doctor('docker', { DOCKER_HOST: host }, [], stateWith('agg-dead'))).toMatchObject({
      status: 'warn',
      evidence: '1 container of dead runs: of-the-dead of agg-dead',
      fix: expect.stringContaining('docker rm -f of-the-dead'),
    });
    expect(await doctor('docker', { DOCKER_HOST: host })).toMatchObject({ status: 'ok' });
  });

  test('an image that is no longer published is named', async () => {
    container('old-etcd', 'bitnami/etcd:3.6.1');
    expect(await doctor('docker', { DOCKER_HOST: host })).toMatchObject({
      status: 'warn',
      evidence: expect.stringContaining('old-etcd uses bitnami/etcd:3.6.1'),
    });
  });

  test('a daemon that does not answer is not checked while nothing needs it', async () => {
    expect(await doctor('docker', { DOCKER_HOST: 'unix:///nowhere.sock' })).toMatchObject({
      status: 'skip',
      evidence: expect.stringContaining('Cannot connect to the Docker daemon'),
    });
  });
});
