/** D16: a GPU that hangs: nvidia-smi does not answer, the kernel logs Xid errors, holders cannot be interrupted. */
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { HostView } from '../host-view.ts';
import { readProcess } from '../proc-files.ts';

/** Errors after which the GPU needs a reset. Source: NVIDIA, Xid errors: 48 double bit ECC, 79 off the bus, 119 and 120 GSP. */
const fatal = new Set(['48', '62', '64', '74', '79', '95', '119', '120', '140', '143']);
const reboot = 'drain and reboot this host: kill -9 frees no GPU that hangs';

export const gpuHang: Check = {
  id: 'D16',
  name: 'gpu-hang',
  title: 'no GPU hangs',
  severity: 'fail',
  look: async (host) => {
    const report = await host.gpus();
    if (report.state === 'absent') return skip('there is no nvidia-smi here');
    if (report.state === 'hangs') return fail(`nvidia-smi hangs: ${report.problem ?? 'no answer'}`, reboot);
    const faulty = report.gpus.find(({ recovery }) => recovery !== undefined);
    if (faulty !== undefined) {
      return fail(`GPU ${faulty.index} had a fault, and its driver wants: ${faulty.recovery}`, reboot);
    }
    for (const { pid, name } of report.holders ?? []) {
      if ((await readProcess(host, pid))?.state === 'D') {
        return fail(
          `pid ${pid} (${name ?? 'unknown'}) holds a GPU and waits in the kernel (state D)`,
          reboot,
        );
      }
    }
    const worn = report.gpus.find(({ eccErrors = 0 }) => eccErrors > 0);
    if (worn !== undefined) {
      const evidence = `GPU ${worn.index} counts ${worn.eccErrors} uncorrected memory errors`;
      return warn(
        evidence,
        `sudo nvidia-smi -i ${worn.index} -r   # and have it looked at if they come back`,
      );
    }
    return await kernelLog(host);
  },
};

async function kernelLog(host: HostView): Promise<Finding> {
  const asked = await host.run('dmesg', []);
  if (asked === undefined || asked.code !== 0) {
    return skip('nvidia-smi answers; the kernel log cannot be read: sudo dmesg | grep Xid');
  }
  const errors = [...asked.stdout.matchAll(/NVRM: Xid \((?:PCI:)?([^)]*)\): (\d+)/g)];
  const bad = errors.findLast(([, , code]) => fatal.has(code ?? ''));
  if (bad !== undefined) {
    const lines = errors.slice(-5).map(([text]) => text);
    return fail(`the GPU at ${bad[1]} reported Xid ${bad[2]} since the host was started`, reboot, lines);
  }
  if (errors.length === 0) return ok('nvidia-smi answers, and the kernel logged no Xid error');
  const codes = [...new Set(errors.map(([, , code]) => code))].join(', ');
  return ok(`nvidia-smi answers; Xid ${codes} were logged, which an application causes`);
}
