/** D15: nvidia-smi works where there is an NVIDIA driver. */
import { type Check, fail, ok, skip } from '../check.ts';
import { countText } from '../sizes.ts';

/** What it says, and what helps. */
const remedies: readonly [seen: RegExp, fix: string][] = [
  [
    /Failed to initialize NVML: Unknown Error/,
    'recreate the container: a reload of its cgroup took the GPU away; against it, in daemon.json: "exec-opts":["native.cgroupdriver=cgroupfs"]',
  ],
  [
    /Driver\/library version mismatch/,
    'sudo reboot   # the driver was upgraded under a loaded kernel module',
  ],
  [/couldn't communicate with the NVIDIA driver/, 'sudo modprobe nvidia   # the kernel module is not loaded'],
  [/Insufficient Permissions/, 'ls -l /dev/nvidia*   # this user may not open them'],
];

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
        `/dev/${devices[0]} is here and nvidia-smi is not on PATH`,
        isWsl ? 'export PATH="$PATH:/usr/lib/wsl/lib"' : 'docker run --gpus all … puts it into the container',
      );
    }
    if (report.state === 'hangs') return skip('nvidia-smi does not answer (see gpu-hang)');
    if (report.state === 'fails') {
      const problem = report.problem ?? 'it fails without a word';
      const fix = remedies.find(([seen]) => seen.test(problem))?.[1];
      return fail(
        `nvidia-smi: ${problem}`,
        fix ?? 'nvidia-smi   # and see what the kernel says: sudo dmesg | grep NVRM',
      );
    }
    const where = isWsl ? ', in WSL2, where it names no processes' : '';
    return ok(`driver ${report.driverVersion ?? 'unknown'}, ${countText(report.gpus.length, 'GPU')}${where}`);
  },
};
