/** Checks of GPUs, with recorded and faulty nvidia-smi reports. */
import { expect, test } from 'vitest';
import { computeMode, gpus, vram } from '../../../src/doctor/checks/gpus.ts';
import { gpuHang, nvml } from '../../../src/doctor/checks/gpu-health.ts';
import { pidns } from '../../../src/doctor/checks/surroundings.ts';
import type { Check } from '../../../src/doctor/check.ts';
import type { GpuReport } from '../../../src/doctor/host-view.ts';
import { finding, onGpus, statLine, subjectOf } from '../../support/doctor-host.ts';
import { disaggregated, frontend, profileOf, worker } from '../../support/profile.ts';

/** Two H200 as recorded: idle, without processes. */
const idle: GpuReport = {
  state: 'answers',
  driverVersion: '580.159.04',
  gpus: [0, 1].map((index) => ({
    index,
    uuid: `GPU-${index}`,
    name: 'NVIDIA H200',
    totalMiB: 143_771,
    usedMiB: 0,
    computeMode: 'Default',
  })),
  holders: [],
};
const held: GpuReport = {
  ...idle,
  gpus: idle.gpus.map((gpu) => (gpu.index === 0 ? { ...gpu, usedMiB: 140_000 } : gpu)),
  holders: [{ gpuUuid: 'GPU-0', pid: 620, usedMiB: 139_000, name: '/opt/venv/bin/python3' }],
};
const process620 = {
  '/proc/620/stat': statLine(620, 'python3', 'S', 1, 100_000),
  '/proc/620/status': 'Name:\tpython3\nUid:\t1001\t1001\t1001\t1001\n',
  '/proc/620/cmdline': 'sglang::scheduler_TP0\0',
  '/proc/uptime': '11800.5 0',
  '/etc/passwd': 'root:x:0:0::/root:/bin/sh\nalice:x:1001:1001::/home/alice:/bin/sh\n',
};
const small = profileOf({ components: { frontend, worker: worker('aggregated', { gpuMemoryGiB: 16 }) } });
const three = profileOf({ components: { frontend, worker: worker('aggregated', { replicas: 3 }) } });

test('vram fails if a planned GPU has less free memory than its workers need, and says who uses it', async () => {
  expect(await finding(vram, { subject: onGpus(small), gpus: held, files: process620 })).toMatchObject({
    status: 'fail',
    evidence:
      'GPU 0 has 3.7 GiB of 140.4 GiB free: pid 620 (alice, sglang::scheduler_TP0, 3 h) uses 135.7 GiB; the plan needs 16.0 GiB there',
  });
});

test('vram counts weights on this host', async () => {
  const local = profileOf({ model: '/models/big', components: { frontend, worker: worker('aggregated') } });
  const index = JSON.stringify({
    metadata: { total_size: 150 * 2 ** 30 },
    weight_map: { a: 'a.safetensors' },
  });
  const files = { '/models/big/model.safetensors.index.json': index };
  expect(await finding(vram, { subject: onGpus(local), gpus: idle, files })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('needs 152.0 GiB'),
  });
});

test('vram says which run uses a GPU', async () => {
  const leased = { ...idle, gpus: idle.gpus.map((gpu) => ({ ...gpu, leasedBy: 'agg-abcd' })) };
  expect(await finding(vram, { gpus: leased })).toMatchObject({
    evidence: expect.stringContaining('GPU 1 has 140.4 GiB of 140.4 GiB free, leased by run agg-abcd'),
  });
});

test('vram warns if the GPU is in use and the needed memory unknown', async () => {
  const unknown = profileOf({ components: { frontend, worker: worker('aggregated') } });
  expect(await finding(vram, { subject: onGpus(unknown), gpus: held, files: process620 })).toMatchObject({
    status: 'warn',
  });
});

test('vram is silent if it fits or nothing is planned, and skipped if nothing uses a GPU', async () => {
  expect(await finding(vram, { subject: onGpus(small), gpus: idle })).toMatchObject({ status: 'ok' });
  expect(await finding(vram, { gpus: held, files: process620 })).toMatchObject({ status: 'ok' });
  expect(await finding(vram, { subject: subjectOf(small), gpus: idle })).toMatchObject({ status: 'skip' });
});

test('gpus fails if more are needed than allowed', async () => {
  expect(await finding(gpus, { subject: onGpus(three), gpus: idle })).toMatchObject({
    status: 'fail',
    evidence: 'test needs 3 GPUs, but only 2 can be used',
  });
  const environment = { CUDA_VISIBLE_DEVICES: '1' };
  const found = await finding(gpus, { subject: onGpus(disaggregated), gpus: idle, environment });
  expect(found).toMatchObject({ status: 'fail', evidence: expect.stringContaining('only 1 can be used') });
  expect(found.fix).toContain('disagg_same_gpu');
});

test('gpus does not need a valid plan', async () => {
  const subject = { ...onGpus(three), plan: undefined };
  expect(await finding(gpus, { subject, gpus: idle })).toMatchObject({ status: 'fail' });
});

test.each([
  ['', 'no GPU can be used'],
  ['0,7', 'this host has no GPU "7"'],
  ['GPU-9999', 'this host has no GPU "GPU-9999"'],
])('gpus fails on CUDA_VISIBLE_DEVICES=%s', async (value, words) => {
  const environment = { CUDA_VISIBLE_DEVICES: value };
  expect(await finding(gpus, { gpus: idle, environment })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining(words),
  });
});

test('gpus fails if two workers share a GPU against the profile', async () => {
  const subject = onGpus(disaggregated);
  const processes = subject.plan?.processes.map((spec) => ({
    ...spec,
    gpus: spec.gpus.length > 0 ? ['0'] : [],
  }));
  const found = await finding(gpus, {
    subject: onGpus(disaggregated, processes === undefined ? {} : { processes }),
    gpus: idle,
  });
  expect(found).toMatchObject({ status: 'fail', evidence: expect.stringMatching(/^GPU 0 is planned for/) });
});

test('gpus is silent if there are enough, and skipped for the embedded engine', async () => {
  const two = profileOf({ components: { frontend, worker: worker('aggregated', { replicas: 2 }) } });
  expect(await finding(gpus, { subject: onGpus(two), gpus: idle })).toMatchObject({ status: 'ok' });
  const environment = { CUDA_VISIBLE_DEVICES: '1,GPU-0' };
  expect(await finding(gpus, { gpus: idle, environment })).toMatchObject({ status: 'ok' });
  expect(await finding(gpus, { subject: subjectOf(two), gpus: idle })).toMatchObject({ status: 'skip' });
});

test.each([
  ['Failed to initialize NVML: Unknown Error', 'recreate the container'],
  ['Failed to initialize NVML: Driver/library version mismatch', 'reboot'],
  ["NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver", 'modprobe'],
  ['something new', 'dmesg'],
])('nvml fails with a fix for %j', async (problem, remedy) => {
  const found = await finding(nvml, { gpus: { state: 'fails', problem, gpus: [] } });
  expect(found).toMatchObject({ status: 'fail', evidence: `nvidia-smi: ${problem}` });
  expect(found.fix).toContain(remedy);
});

test('nvml fails if there is a device but no nvidia-smi; in WSL2 it says where that is', async () => {
  const files = { '/dev/nvidia0': '', '/proc/version': 'Linux version 5.15-microsoft-standard-WSL2' };
  expect(await finding(nvml, { files })).toMatchObject({
    status: 'fail',
    fix: expect.stringContaining('/usr/lib/wsl/lib'),
  });
});

test('nvml is silent if it answers, and skipped without a driver', async () => {
  expect(await finding(nvml, { gpus: idle })).toMatchObject({ status: 'ok' });
  expect(await finding(nvml)).toMatchObject({ status: 'skip' });
});

test('gpu-hang fails if nvidia-smi hangs or a process cannot be interrupted', async () => {
  const hangs = { state: 'hangs' as const, problem: 'nvidia-smi did not answer within 5 s', gpus: [] };
  expect(await finding(gpuHang, { gpus: hangs })).toMatchObject({ status: 'fail' });
  const files = { '/proc/620/stat': statLine(620, 'python3', 'D', 1) };
  expect(await finding(gpuHang, { gpus: held, files })).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('pid 620'),
  });
  const faulty = { ...idle, gpus: idle.gpus.map((gpu) => ({ ...gpu, recovery: 'Reset' })) };
  expect(await finding(gpuHang, { gpus: faulty })).toMatchObject({
    status: 'fail',
    evidence: 'GPU 0 had a fault, and its driver requires: Reset',
  });
  const worn = { ...idle, gpus: idle.gpus.map((gpu) => ({ ...gpu, eccErrors: 2 })) };
  expect(await finding(gpuHang, { gpus: worn })).toMatchObject({ status: 'warn' });
});

test.each([
  [48, 'fail', 'could not be corrected', 'sudo nvidia-smi -i 1 -r   # otherwise reboot'],
  [79, 'fail', 'fallen off the bus', 'drain and reboot'],
  [119, 'fail', 'does not answer', '-r   # otherwise reboot'],
  [63, 'warn', 'at the next reset', 'sudo nvidia-smi -i 1 -r   # when it is idle'],
  [94, 'warn', 'must be restarted', '-r   # when it is idle'],
])('gpu-hang names the GPU of Xid %i, its meaning and a fix', async (code, status, means, fix) => {
  const report = { ...idle, gpus: idle.gpus.map((gpu, i) => ({ ...gpu, bus: `0000:0${i + 6}:00` })) };
  const kernelLog = `[1.2] NVRM: Xid (PCI:0000:06:00): 31, pid=7, MMU fault\n[9.5] NVRM: Xid (PCI:0000:07:00): ${code}, pid=620`;
  expect(await finding(gpuHang, { gpus: report, kernelLog })).toMatchObject({
    status,
    evidence: expect.stringMatching(
      new RegExp(`^GPU 1 \\(0000:07:00\\) reported Xid ${code} since the host started: .*${means}`),
    ),
    details: [`[9.5] NVRM: Xid (PCI:0000:07:00): ${code}, pid=620`],
    fix: expect.stringContaining(fix),
  });
});

test('a GPU missing in nvidia-smi is named by its bus address, even if nvidia-smi fails', async () => {
  const kernelLog = '[9.5] NVRM: Xid (PCI:0000:3b:00): 79, pid=1122, GPU has fallen off the bus.';
  const fails = { state: 'fails' as const, problem: 'No devices were found', gpus: [] };
  for (const report of [idle, fails]) {
    expect(await finding(gpuHang, { gpus: report, kernelLog })).toMatchObject({
      status: 'fail',
      evidence: expect.stringContaining('the GPU at 0000:3b:00 reported Xid 79'),
    });
  }
  expect(await finding(gpuHang, { gpus: fails, kernelLog: '' })).toMatchObject({ status: 'skip' });
});

test('gpu-hang is silent about an Xid that a program caused, and explains it', async () => {
  const kernelLog = 'NVRM: Xid (PCI:0000:00:06): 31, pid=620, MMU fault';
  expect(await finding(gpuHang, { gpus: idle, kernelLog })).toMatchObject({
    status: 'ok',
    evidence: expect.stringContaining('Xid 31 of the GPU at 0000:00:06: a program accessed memory'),
  });
  expect(await finding(gpuHang, { gpus: idle, kernelLog: '[0.0] Linux version 6.8' })).toMatchObject({
    status: 'ok',
    evidence: 'nvidia-smi answers, and the kernel logged no Xid error',
  });
});

test('gpu-hang is skipped if the kernel log is not readable, and says why', async () => {
  expect(await finding(gpuHang, { gpus: idle })).toMatchObject({
    status: 'skip',
    evidence: 'nvidia-smi answers; not checked for Xid errors: /dev/kmsg: EPERM',
  });
  expect(await finding(gpuHang)).toMatchObject({ status: 'skip' });
});

test('compute-mode warns about a GPU that accepts one process only', async () => {
  const exclusive = { ...idle, gpus: idle.gpus.map((gpu) => ({ ...gpu, computeMode: 'Exclusive_Process' })) };
  expect(await finding(computeMode, { gpus: exclusive })).toMatchObject({
    status: 'warn',
    fix: expect.stringContaining('nvidia-smi -i 0 -c DEFAULT'),
  });
  expect(await finding(computeMode, { gpus: idle })).toMatchObject({ status: 'ok' });
  const silent = { ...idle, gpus: idle.gpus.map((gpu) => ({ ...gpu, computeMode: undefined })) };
  expect(await finding(computeMode, { gpus: silent })).toMatchObject({ status: 'skip' });
  expect(await finding(computeMode, { gpus: idle, subject: subjectOf(small) })).toMatchObject({
    status: 'skip',
  });
});

test('pidns warns about processes of another pid namespace, and memory without an owner', async () => {
  expect(await finding(pidns, { gpus: held })).toMatchObject({
    status: 'warn',
    evidence: '135.7 GiB of GPU memory is in use by pid 620, which is not in this pid namespace',
  });
  expect(await finding(pidns, { gpus: { ...held, holders: [] } })).toMatchObject({
    status: 'warn',
    evidence: expect.stringContaining('lists no process'),
  });
});

test('pidns fails if /proc is of another namespace, with or without GPUs', async () => {
  const procTrouble = { words: '/proc shows another pid namespace', fix: 'unshare --mount-proc' };
  expect(await finding(pidns, { procTrouble })).toMatchObject({ status: 'fail', fix: procTrouble.fix });
});

test('pidns is silent if all processes are visible, and skipped if that is unknown', async () => {
  expect(await finding(pidns, { gpus: held, files: process620 })).toMatchObject({ status: 'ok' });
  expect(await finding(pidns, { gpus: { ...held, holders: undefined } })).toMatchObject({ status: 'skip' });
});

test.each([vram, gpus, computeMode, pidns])(
  '$name is skipped without a GPU, or if nvidia-smi fails',
  async (check: Check) => {
    expect(await finding(check)).toMatchObject({ status: 'skip' });
    for (const state of ['fails', 'hangs'] as const) {
      expect(await finding(check, { gpus: { state, gpus: [] } })).toMatchObject({ status: 'skip' });
    }
  },
);
