/** D16: a GPU that hangs or is broken: nvidia-smi does not answer, holders cannot be interrupted, the kernel logs Xid errors. */
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { GpuReport, HostView } from '../host-view.ts';
import { readProcess } from '../proc-files.ts';
import { meaningOf, parseXids, type Xid } from '../xid.ts';

const reboot = 'drain and reboot this host: kill -9 frees no GPU that hangs';
const shown = 5;

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
    const log = await host.kernelLog();
    const xids = 'lines' in log ? parseXids(log.lines) : [];
    const broken = (await stuck(host, report)) ?? told(xids, 'reset', report) ?? worn(report);
    if (broken !== undefined) return broken;
    // Why it fails is another check's.
    if (report.state === 'fails') return skip(`nvidia-smi fails: ${report.problem ?? 'no answer'}`);
    if ('problem' in log) return skip(`nvidia-smi answers; not checked for Xid errors: ${log.problem}`);
    return told(xids, 'soon', report) ?? harmless(xids, report);
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
  return warn(evidence, `${resetOf(gpu.index)}   # and have it looked at if they come back`);
}

/** The last of them counts: an earlier one may be from before a reset. */
function told(xids: readonly Xid[], gravity: 'reset' | 'soon', report: GpuReport): Finding | undefined {
  const grave = xids.filter((xid) => meaningOf(xid).gravity === gravity);
  const last = grave.at(-1);
  if (last === undefined) return undefined;
  const index = indexOf(last, report);
  const evidence = `${nameOf(last, report)} reported Xid ${last.code} since the host was started: ${meaningOf(last).means}`;
  const details = grave.slice(-shown).map(({ line }) => line);
  if (gravity === 'soon') return warn(evidence, `${resetOf(index)}   # when nobody uses it`, details);
  return fail(
    evidence,
    last.code === 79 || index === undefined ? reboot : `${resetOf(index)}   # else reboot`,
    details,
  );
}

function harmless(xids: readonly Xid[], report: GpuReport): Finding {
  if (xids.length === 0) return ok('nvidia-smi answers, and the kernel logged no Xid error');
  const codes = new Map(xids.map((xid) => [xid.code, xid]));
  const words = [...codes.values()].map(
    (xid) => `Xid ${xid.code} of ${nameOf(xid, report)}: ${meaningOf(xid).means}`,
  );
  return ok(`nvidia-smi answers; since the host was started: ${words.join('; ')}`);
}

/** Absent for one that nvidia-smi does not list any more. */
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
