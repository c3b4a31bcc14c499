/** The driver and nvidia-smi work, and no GPU hangs. */
import { countText } from '../../base/units.ts';
import { join } from 'node:path';
import { compareVersions } from '../../base/package-version.ts';
import { type Check, fail, type Finding, noGpu, ok, skip, warn } from '../check.ts';
import type { GpuReport, HostView } from '../host-view.ts';
import { readProcess } from '../proc-files.ts';
import { packagesIn } from '../python-packages.ts';
import { meaningOf, parseXids, type Xid } from '../kernel-log.ts';

/** The oldest driver for each CUDA; within a major version, newer minor versions also run on it. Source: CUDA compatibility guide. */
const oldestDriver: Readonly<Record<string, string>> = { '11': '450.80', '12': '525.60', '13': '580' };

/** D14: the driver is new enough for the CUDA that torch was built with. */
export const driver: Check = {
  id: 'D14',
  name: 'driver',
  title: 'the driver is new enough for the CUDA of torch',
  severity: 'fail',
  look: async (host) => {
    const report = await host.gpus();
    const none = noGpu(report);
    if (none !== undefined) return none;
    const { driverVersion, cudaVersion } = report;
    if (driverVersion === undefined) return skip('nvidia-smi does not report the version of the driver');
    const shadow = shadowedLibrary(host);
    if (shadow !== undefined) return shadow;
    const cuda = await cudaOfTorch(host);
    if (cuda === undefined)
      return skip(`driver ${driverVersion}; there is no torch with CUDA to compare it with`);
    const oldest = oldestDriver[cuda.split('.')[0] ?? ''];
    const seen = `torch is built with CUDA ${cuda}, driver ${driverVersion} supports ${cudaVersion ?? 'an unknown version'}`;
    if (oldest !== undefined && compareVersions(driverVersion, oldest) < 0) {
      return fail(seen, `upgrade the driver to ${oldest} or newer, or install torch for an older CUDA`);
    }
    if (cudaVersion !== undefined && compareVersions(cudaVersion, cuda) < 0) {
      return warn(`${seen}: kernels that are compiled at run time may fail`, `upgrade the driver`);
    }
    return ok(seen);
  },
};

/** Error 803 is most often a libcuda that is not the driver's. */
function shadowedLibrary({ environment }: HostView): Finding | undefined {
  const folders = (environment['LD_LIBRARY_PATH'] ?? '').split(':').filter(Boolean);
  const odd = folders.find((folder) => /(^|\/)(compat|stubs)(\/|$)/.test(folder));
  return odd === undefined
    ? undefined
    : warn(
        `LD_LIBRARY_PATH has ${odd}: its libcuda may not be the driver's (error 803)`,
        `export LD_LIBRARY_PATH=${folders.filter((folder) => folder !== odd).join(':')}`,
      );
}

/** Read from the file that torch itself reads: importing it takes seconds. */
async function cudaOfTorch(host: HostView): Promise<string | undefined> {
  const python = host.python();
  if (python === undefined) return undefined;
  for (const folder of (await packagesIn(host, python.folder)).folders) {
    const text = await host.files.read(join(folder, 'torch', 'version.py'));
    const found = /^cuda\b[^=]*=\s*'([\d.]+)'/m.exec(text ?? '')?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Its message, and what helps. */
const remedies: readonly [seen: RegExp, fix: string][] = [
  [
    /Failed to initialize NVML: Unknown Error/,
    'recreate the container: a reload of its cgroup removed the GPU; to prevent it, in daemon.json: "exec-opts":["native.cgroupdriver=cgroupfs"]',
  ],
  [
    /Driver\/library version mismatch/,
    'sudo reboot   # the driver was upgraded under a loaded kernel module',
  ],
  [/couldn't communicate with the NVIDIA driver/, 'sudo modprobe nvidia   # the kernel module is not loaded'],
  [/Insufficient Permissions/, 'ls -l /dev/nvidia*   # this user may not open them'],
];

/** D15: nvidia-smi works where there is an NVIDIA driver. */
export const nvml: Check = {
  id: 'D15',
  name: 'nvml',
  title: 'nvidia-smi works',
  severity: 'fail',
  look: async (host) => {
    const report = await host.gpus();
    const devices = (await host.files.list('/dev')).filter((name) => /^nvidia(\d+|ctl)$/.test(name));
    const kernel = (await host.files.read('/proc/version')) ?? '';
    const isWsl = /microsoft/i.test(kernel);
    if (report.state === 'absent') {
      if (devices.length === 0) return skip('no NVIDIA driver here: neither nvidia-smi nor /dev/nvidia*');
      return fail(
        `/dev/${devices[0]} exists, but nvidia-smi is not on PATH`,
        isWsl ? 'export PATH="$PATH:/usr/lib/wsl/lib"' : 'docker run --gpus all … adds it to the container',
      );
    }
    if (report.state === 'hangs') return skip('nvidia-smi does not answer (see gpu-hang)');
    if (report.state === 'fails') {
      const problem = report.problem ?? 'it fails without a message';
      const fix = remedies.find(([seen]) => seen.test(problem))?.[1];
      return fail(
        `nvidia-smi: ${problem}`,
        fix ?? 'nvidia-smi   # then check the kernel log: sudo dmesg | grep NVRM',
      );
    }
    const where = isWsl ? ', in WSL2, where it names no processes' : '';
    return ok(`driver ${report.driverVersion ?? 'unknown'}, ${countText(report.gpus.length, 'GPU')}${where}`);
  },
};

const reboot = 'drain and reboot this host: kill -9 does not free a hung GPU';
const shown = 5;

/**
 * D16: a GPU that hangs or is broken: nvidia-smi does not answer, holders cannot be interrupted, the kernel logs Xid
 * errors.
 */
export const gpuHang: Check = {
  id: 'D16',
  name: 'gpu-hang',
  title: 'no GPU hangs',
  severity: 'fail',
  look: async (host) => {
    const report = await host.gpus();
    if (report.state === 'absent') return skip('nvidia-smi is not installed');
    if (report.state === 'hangs') return fail(`nvidia-smi hangs: ${report.problem ?? 'no answer'}`, reboot);
    const faulty = report.gpus.find(({ recovery }) => recovery !== undefined);
    if (faulty !== undefined) {
      return fail(`GPU ${faulty.index} had a fault, and its driver requires: ${faulty.recovery}`, reboot);
    }
    const log = await host.kernelLog();
    const xids = 'lines' in log ? parseXids(log.lines) : [];
    const broken = (await stuck(host, report)) ?? reported(xids, 'reset', report) ?? worn(report);
    if (broken !== undefined) return broken;
    // Another check says why it fails.
    if (report.state === 'fails') return skip(`nvidia-smi fails: ${report.problem ?? 'no answer'}`);
    if ('problem' in log) return skip(`nvidia-smi answers; not checked for Xid errors: ${log.problem}`);
    return reported(xids, 'soon', report) ?? harmless(xids, report);
  },
};

async function stuck(host: HostView, { holders = [] }: GpuReport): Promise<Finding | undefined> {
  for (const { pid, name } of holders) {
    if ((await readProcess(host, pid))?.state !== 'D') continue;
    return fail(`pid ${pid} (${name ?? 'unknown'}) holds a GPU and waits in the kernel (state D)`, reboot);
  }
  return undefined;
}

function worn({ gpus }: GpuReport): Finding | undefined {
  const gpu = gpus.find(({ eccErrors = 0 }) => eccErrors > 0);
  if (gpu === undefined) return undefined;
  const evidence = `GPU ${gpu.index} counts ${gpu.eccErrors} uncorrected memory errors`;
  return warn(evidence, `${resetOf(gpu.index)}   # and have the GPU checked if they recur`);
}

/** The last one counts: earlier ones may be from before a reset. */
function reported(xids: readonly Xid[], gravity: 'reset' | 'soon', report: GpuReport): Finding | undefined {
  const grave = xids.filter((xid) => meaningOf(xid).gravity === gravity);
  const last = grave.at(-1);
  if (last === undefined) return undefined;
  const index = indexOf(last, report);
  const evidence = `${nameOf(last, report)} reported Xid ${last.code} since the host started: ${meaningOf(last).means}`;
  const details = grave.slice(-shown).map(({ line }) => line);
  if (gravity === 'soon') return warn(evidence, `${resetOf(index)}   # when it is idle`, details);
  return fail(
    evidence,
    last.code === 79 || index === undefined ? reboot : `${resetOf(index)}   # otherwise reboot`,
    details,
  );
}

function harmless(xids: readonly Xid[], report: GpuReport): Finding {
  if (xids.length === 0) return ok('nvidia-smi answers, and the kernel logged no Xid error');
  const codes = new Map(xids.map((xid) => [xid.code, xid]));
  const words = [...codes.values()].map(
    (xid) => `Xid ${xid.code} of ${nameOf(xid, report)}: ${meaningOf(xid).means}`,
  );
  return ok(`nvidia-smi answers; since the host started: ${words.join('; ')}`);
}

/** Absent for a GPU that nvidia-smi no longer lists. */
function indexOf({ bus }: Xid, { gpus }: GpuReport): number | undefined {
  return gpus.find((gpu) => gpu.bus === bus)?.index;
}

function nameOf(xid: Xid, report: GpuReport): string {
  const index = indexOf(xid, report);
  return index === undefined ? `the GPU at ${xid.bus}` : `GPU ${index} (${xid.bus})`;
}

function resetOf(index: number | undefined): string {
  return `sudo nvidia-smi -i ${index ?? 'N'} -r`;
}
