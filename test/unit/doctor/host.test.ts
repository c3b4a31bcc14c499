/** Checks of the host itself: ports, variables, shared memory, limits, proxies, names, zombies. */
import { expect, test } from 'vitest';
import { hierarchicalCache } from '../../../src/doctor/checks/hierarchical-cache.ts';
import type { GpuReport } from '../../../src/doctor/host-view.ts';
import { bootstrap, ports, sysportEnv } from '../../../src/doctor/checks/ports.ts';
import { init, limits, shm } from '../../../src/doctor/checks/surroundings.ts';
import { loopback, proxy } from '../../../src/doctor/checks/network.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { finding, onGpus, runFacts, statLine, subjectOf } from '../../support/doctor-host.ts';
import { disaggregated, frontend, profileOf, worker } from '../../support/profile.ts';

const agg = profileOf({ components: { frontend, worker: worker('aggregated') } });

function prefillPort(plan: Plan | undefined): number {
  return plan?.processes.find(({ mode }) => mode === 'prefill')?.ports.bootstrap ?? 0;
}

test('bootstrap fails if the port is in use, given twice, or set by hand', async () => {
  const subject = subjectOf(disaggregated);
  const port = prefillPort(subject.plan);
  expect(
    await finding(bootstrap, {
      subject,
      unbindable: { [`0.0.0.0:${port}`]: 'EADDRINUSE' },
      holders: { [port]: 'pid 77 (nc)' },
    }),
  ).toMatchObject({ status: 'fail', evidence: expect.stringContaining('in use by pid 77 (nc)') });
  const processes = subject.plan?.processes.map((spec) => ({
    ...spec,
    ports: { ...spec.ports, bootstrap: 7 },
  }));
  const twice = subjectOf(disaggregated, processes && { processes });
  expect(await finding(bootstrap, { subject: twice })).toMatchObject({ status: 'fail' });
  const rawArgs = ['--disaggregation-bootstrap-port=31000'];
  expect(await finding(bootstrap, { subject: { ...subject, rawArgs } })).toMatchObject({ status: 'fail' });
});

test('bootstrap fails if prefill listens elsewhere than it advertises', async () => {
  const { plan } = subjectOf(disaggregated);
  const at = (listens: string) =>
    subjectOf(disaggregated, {
      processes:
        plan?.processes.map((spec) => ({
          ...spec,
          argv: [...spec.argv, '--host', listens],
          env: { ...spec.env, SGLANG_HOST_IP: '10.0.0.5' },
        })) ?? [],
    });
  expect(await finding(bootstrap, { subject: at('127.0.0.1') })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('listens on 127.0.0.1'),
  });
  expect(await finding(bootstrap, { subject: at('0.0.0.0') })).toMatchObject({ status: 'ok' });
});

test('bootstrap connects to prefill workers of live runs', async () => {
  const { plan } = subjectOf(disaggregated);
  const runs = [runFacts({ state: 'live', plan })];
  const closed = { [`127.0.0.1:${prefillPort(plan)}`]: 'ECONNREFUSED' };
  expect(await finding(bootstrap, { runs, closed })).toMatchObject({
    status: 'fail',
    fix: expect.stringContaining('dynamo restart prefill'),
  });
  expect(await finding(bootstrap, { runs })).toMatchObject({ status: 'ok' });
  expect(await finding(bootstrap)).toMatchObject({ status: 'skip' });
  expect(await finding(bootstrap, { subject: subjectOf(agg) })).toMatchObject({ status: 'skip' });
});

test('ports warns if another port must be used, and fails if the port was required', async () => {
  const holders = { 8000: 'pid 912 (node server.js)' };
  expect(await finding(ports, { holders })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('8000 is in use by pid 912 (node server.js)'),
  });
  const subject = subjectOf(agg, {}, { insistsOnPort: true });
  expect(await finding(ports, { holders, subject })).toMatchObject({
    status: 'fail',
    fix: '--http-port 8001, or stop it',
  });
});

test('ports recognizes a process left by a dead run, and says what ends it', async () => {
  const runs = [runFacts({ state: 'dead', living: [{ pid: 912, process: 'frontend' }] })];
  expect(await finding(ports, { holders: { 8000: 'pid 912 (python3)' }, runs })).toMatchObject({
    status: 'warn',
    evidence: '8000 is in use by pid 912 (python3), left by the dead run agg-abcd',
    fix: expect.stringContaining('dynamo clean'),
  });
  expect(await finding(ports, { holders: { 8000: 'pid 91 (python3)' }, runs })).toMatchObject({
    evidence: expect.stringContaining('not a run of yours'),
  });
});

test('ports fails if a planned port cannot be bound, on either address family', async () => {
  for (const address of ['0.0.0.0', '::']) {
    const unbindable = { [`${address}:8000`]: 'EADDRINUSE' };
    expect(await finding(ports, { subject: subjectOf(agg), unbindable })).toMatchObject({ status: 'fail' });
  }
  const low = subjectOf(agg, {}, { preferredHttpPort: 80 });
  expect(
    await finding(ports, { subject: { ...low, plan: undefined }, unbindable: { '0.0.0.0:80': 'EACCES' } }),
  ).toMatchObject({ status: 'fail', fix: expect.stringContaining('above 1023') });
});

test('ports is silent if all can be bound, also without IPv6 and next to a live run', async () => {
  const subject = subjectOf(agg);
  expect(await finding(ports, { subject })).toMatchObject({ status: 'ok' });
  expect(await finding(ports, { unbindable: { ':::8000': 'EAFNOSUPPORT' } })).toMatchObject({ status: 'ok' });
  const runs = [runFacts({ state: 'live', plan: subject.plan })];
  expect(await finding(ports, { holders: { 8000: 'pid 5 (node)' }, runs })).toMatchObject({
    status: 'ok',
    evidence: expect.stringContaining('served by agg-abcd'),
  });
});

test.each([
  ['40000', 'above 32767'],
  ['8000', 'also the HTTP port'],
  ['none', 'is not a port'],
  ['9000', 'is exported; dynamo ignores it'],
])('sysport-env warns about DYN_SYSTEM_PORT=%s', async (value, words) => {
  expect(await finding(sysportEnv, { environment: { DYN_SYSTEM_PORT: value } })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining(words),
  });
});

test('sysport-env is silent without it', async () => {
  expect(await finding(sysportEnv)).toMatchObject({ status: 'ok' });
});

const zombie = {
  '/proc/1/stat': statLine(1, 'tail', 'S', 0),
  '/proc/70/stat': statLine(70, 'python3', 'Z', 1, 10),
  '/proc/uptime': '5000.0 0',
};

test('init warns about zombies that remain under pid 1', async () => {
  expect(await finding(init, { files: zombie })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('pid 1 (tail) reaps late or never; zombies: 1, python3 70'),
  });
});

test('init is silent about young zombies and those of other parents', async () => {
  const young = { ...zombie, '/proc/70/stat': statLine(70, 'sh', 'Z', 1, 499_900) };
  expect(await finding(init, { files: young })).toMatchObject({ status: 'ok' });
  const other = { ...zombie, '/proc/70/stat': statLine(70, 'sh', 'Z', 50, 10) };
  expect(await finding(init, { files: other })).toMatchObject({ status: 'ok' });
});

const plenty = { freeBytes: 10 * 2 ** 30, totalBytes: 10 * 2 ** 30 };
const docker64 = { freeBytes: 64 * 2 ** 20, totalBytes: 64 * 2 ** 20 };

test('shm fails if it is too small for GPUs, else warns', async () => {
  const space = { '/dev/shm': docker64 };
  expect(await finding(shm, { space, subject: onGpus(agg) })).toMatchObject({
    status: 'fail',
    evidence: '64 MiB of 64 MiB free in /dev/shm',
    fix: 'docker run --shm-size=10G …',
  });
  expect(await finding(shm, { space })).toMatchObject({ status: 'warn' });
});

test('shm warns about unused segments, and says which are ours', async () => {
  const ours = {
    path: '/dev/shm/sgl_shm_mm_70_0',
    bytes: 18 * 2 ** 30,
    proof: 'made by pid 70 of run agg-abcd',
  };
  const unknown = { path: '/dev/shm/psm_abc', bytes: 2 ** 20 };
  const space = { '/dev/shm': plenty };
  expect(await finding(shm, { space, segments: [ours, unknown] })).toMatchObject({
    status: 'warn',
    evidence:
      '2 segments with 18 GiB left behind: /dev/shm/sgl_shm_mm_70_0, 18 GiB: made by pid 70 of run agg-abcd',
    fix: expect.stringContaining('dynamo clean'),
    details: ['/dev/shm/psm_abc, 1.0 MiB: not in use'],
  });
  expect(await finding(shm, { space, segments: [unknown] })).toMatchObject({
    status: 'warn',
    fix: expect.stringMatching(/^rm \/dev\/shm\/psm_abc /),
  });
  const many = Array.from({ length: 60 }, (_, i) => ({ path: `/dev/shm/psm_${i}`, bytes: 2 ** 20 }));
  const crowded = await finding(shm, { space, segments: many });
  expect(crowded).toMatchObject({ fix: expect.stringContaining('dynamo clean --dry-run') });
  expect(crowded).toHaveProperty('details.4', 'and 55 more');
});

test('shm is silent if it is large and clean, and skipped if there is none', async () => {
  expect(await finding(shm, { space: { '/dev/shm': plenty } })).toMatchObject({ status: 'ok' });
  expect(await finding(shm)).toMatchObject({ status: 'skip' });
});

const limitsText = (memlock: string, nofile: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units     \nMax processes             96365                96365                processes \nMax open files            ${nofile.padEnd(21)}65536                files     \nMax locked memory         ${memlock.padEnd(21)}unlimited            bytes     \n`;

test('limits warns about low limits, with the commands for shell and Docker', async () => {
  const files = { '/proc/self/limits': limitsText('8388608', '1024') };
  expect(await finding(limits, { files })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('open files is 1024'),
    fix: 'ulimit -l unlimited; ulimit -n 65536   # in Docker: docker run --ulimit memlock=-1 --ulimit nofile=65536:65536 …',
  });
});

test('limits warns about limits on file size and memory', async () => {
  const text = `${limitsText('unlimited', '65536')}Max file size             1048576              unlimited            bytes     \nMax address space         2147483648           unlimited            bytes     \n`;
  expect(await finding(limits, { files: { '/proc/self/limits': text } })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('file size is 1048576'),
    fix: 'ulimit -f unlimited; ulimit -v unlimited   # in Docker: docker run --ulimit fsize=-1 …',
  });
});

test('limits is silent if they are high or unneeded, and skipped without /proc', async () => {
  const high = { '/proc/self/limits': limitsText('unlimited', '65536') };
  expect(await finding(limits, { files: high })).toMatchObject({ status: 'ok' });
  const low = { '/proc/self/limits': limitsText('8388608', '20000') };
  expect(await finding(limits, { files: low, subject: subjectOf(agg) })).toMatchObject({ status: 'ok' });
  expect(await finding(limits)).toMatchObject({ status: 'skip' });
});

test.each([
  [{ http_proxy: 'http://p:1' }, 'warn', 'lacks localhost, 127.0.0.1, 0.0.0.0, ::1'],
  [{ HTTPS_PROXY: 'http://p:1', no_proxy: 'localhost,127.0.0.1,::1' }, 'warn', 'lacks 0.0.0.0'],
  [{ all_proxy: '' }, 'ok', 'no proxy is set'],
  [{ http_proxy: 'proxy', no_proxy: '*' }, 'warn', 'is not a URL'],
  [{ http_proxy: 'http://p:1', NO_PROXY: '*' }, 'ok', 'loopback excluded'],
  [{}, 'ok', 'no proxy is set'],
])('proxy with %j: %s', async (environment, status, words) => {
  expect(await finding(proxy, { environment })).toMatchObject({
    status,
    evidence: expect.stringContaining(words),
  });
});

const getent = (...addresses: string[]) => ({
  'getent ahosts localhost': { stdout: addresses.map((each) => `${each} STREAM localhost\n`).join('') },
});

test('loopback fails if it is down', async () => {
  const down = { programs: getent('127.0.0.1'), closed: { '127.0.0.1:9': 'ENETUNREACH' } };
  expect(await finding(loopback, down)).toMatchObject({ status: 'fail', fix: 'ip link set lo up' });
  const up = { programs: getent('127.0.0.1'), closed: { '127.0.0.1:9': 'ECONNREFUSED' } };
  expect(await finding(loopback, up)).toMatchObject({ status: 'ok' });
});

test('loopback warns if localhost is elsewhere, or of an address family without listener', async () => {
  expect(await finding(loopback, { programs: getent('10.1.2.3') })).toMatchObject({ status: 'warn' });
  expect(await finding(loopback, { programs: getent() })).toMatchObject({ status: 'warn' });
  const { plan } = subjectOf(agg);
  const found = await finding(loopback, {
    programs: getent('::1', '127.0.0.1'),
    runs: [runFacts({ state: 'live', plan })],
    closed: { '::1:8000': 'ECONNREFUSED' },
  });
  expect(found).toMatchObject({ status: 'warn', fix: 'use http://127.0.0.1:8000' });
});

test('loopback is silent if localhost is this host, and skipped without getent', async () => {
  const runs = [runFacts({ state: 'live', plan: subjectOf(agg).plan })];
  expect(await finding(loopback, { programs: getent('127.0.0.1'), runs })).toMatchObject({ status: 'ok' });
  expect(await finding(loopback)).toMatchObject({ status: 'skip' });
});

const cachedBy = (cache: object, more: object = {}) =>
  onGpus(
    profileOf({
      components: {
        frontend,
        worker: worker('aggregated', { replicas: 2, pageSize: 64, hierarchicalCache: cache, ...more }),
      },
    }),
  );

test('hierarchical caches must fit into the memory that SGLang leaves to them', async () => {
  const files = { '/proc/meminfo': `MemTotal: 263000000 kB\nMemAvailable:   ${200 * 1024 ** 2} kB\n` };
  const gpus: GpuReport = {
    state: 'answers',
    gpus: [0, 1].map((index) => ({
      index,
      uuid: `GPU-${index}`,
      name: 'NVIDIA H200',
      totalMiB: 143_771,
      usedMiB: 0,
    })),
  };
  const look = async (cache: object, more: object = {}) =>
    await finding(hierarchicalCache, { subject: cachedBy(cache, more), files, gpus });
  expect(await look({ sizeGB: 64 })).toMatchObject({
    status: 'ok',
    evidence: '119 GiB for 2 workers: 200 GiB of memory is available, of which SGLang leaves 10 GiB alone',
  });
  expect(await look({ sizeGB: 128 })).toMatchObject({
    status: 'fail',
    evidence: expect.stringMatching(/^hierarchical caches of 238 GiB do not fit: /),
    fix: expect.stringContaining('components.worker.hierarchicalCache.sizeGB=N'),
  });
  // In proportion to what is on the GPU, which is not known before the start.
  expect(await look({})).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('may take up to 505 GiB'),
  });
  expect(await look({}, { memory: { staticFraction: 0.2 } })).toMatchObject({ status: 'ok' });
  expect(await look({ sizeGB: 64 }, { pageSize: undefined })).toMatchObject({
    status: 'warn',
    fix: '--set components.worker.pageSize=64',
  });
  expect(await finding(hierarchicalCache, { subject: cachedBy({ sizeGB: 64 }), gpus })).toMatchObject({
    status: 'skip',
  });
  expect(await finding(hierarchicalCache, { subject: onGpus(agg), files, gpus })).toMatchObject({
    status: 'skip',
  });
  expect(await finding(hierarchicalCache, { subject: subjectOf(agg), files })).toMatchObject({
    status: 'skip',
  });
});
