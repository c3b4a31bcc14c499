/** D04: too little free GPU memory, and who holds it. */
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { GpuFacts, GpuReport, HostView, Subject } from '../host-view.ts';
import { noGpu } from '../gpu-report.ts';
import { findModel, weightBytes } from '../model-files.ts';
import { describeProcess } from '../proc-files.ts';
import { mibText } from '../sizes.ts';

/** What a CUDA context and its kernels take beside the weights, seen on H200. Source: upstream/sglang-on-gpu.md section 1. */
const contextMiB = 682;
/** More than this in use before we start is somebody's work, not the driver's. */
const idleMiB = 1_024;

export const vram: Check = {
  id: 'D04',
  name: 'vram',
  title: 'the GPUs have the free memory that the plan needs',
  severity: 'fail',
  look: async (host) => {
    const report = await host.gpus();
    const none = noGpu(report);
    if (none !== undefined) return none;
    const { subject } = host;
    const planned = new Set(subject?.plan?.processes.flatMap(({ gpus }) => gpus));
    if (subject?.plan !== undefined && planned.size === 0) {
      return skip(`engine ${subject.plan.engine} uses no GPU`);
    }
    const lines = await Promise.all(report.gpus.map(async (gpu) => await gpuLine(host, report, gpu)));
    if (subject !== undefined && subject.plan === undefined) {
      return skip(`there is no valid plan; ${lines.join('; ')}`);
    }
    const mine = report.gpus.filter((gpu) => planned.has(String(gpu.index)) || planned.has(gpu.uuid));
    if (subject === undefined || mine.length === 0) return ok(lines.join('; '));
    return await judge(host, subject, mine, lines);
  },
};

async function judge(
  host: HostView,
  subject: Subject,
  mine: readonly GpuFacts[],
  lines: readonly string[],
): Promise<Finding> {
  for (const gpu of mine) {
    const needed = await neededMiB(host, subject, gpu);
    const free = gpu.totalMiB - gpu.usedMiB;
    const line = lines.find((text) => text.startsWith(`GPU ${gpu.index} `)) ?? '';
    const fix = 'dynamo clean   # ends what is ours and dead; else take other GPUs: --gpus';
    if (needed !== undefined && free < needed) {
      return fail(`${line}; the plan needs ${mibText(needed)} there`, fix, lines);
    }
    if (needed === undefined && gpu.usedMiB > idleMiB) {
      return warn(`${line}; how much the model needs is not known`, fix, lines);
    }
  }
  return ok(lines.join('; '));
}

/** Of all workers on one GPU: the hint of the profile, or weights that lie on this host, whichever is more. */
async function neededMiB(host: HostView, subject: Subject, gpu: GpuFacts): Promise<number | undefined> {
  const here = subject.plan?.processes.filter(
    ({ gpus }) => gpus.includes(String(gpu.index)) || gpus.includes(gpu.uuid),
  );
  const model = await findModel(host, subject.profile.model);
  const bytes = model && (await weightBytes(host, model));
  let sum = 0;
  for (const { component, gpus } of here ?? []) {
    const spec = subject.profile.components[component];
    const hint = spec?.kind === 'worker' ? spec.gpuMemoryGiB : undefined;
    if (hint === undefined && bytes === undefined) return undefined;
    const weights = bytes === undefined ? 0 : bytes / 2 ** 20 / Math.max(1, gpus.length) + contextMiB;
    sum += Math.max(weights, (hint ?? 0) * 1024);
  }
  return sum;
}

async function gpuLine(host: HostView, { holders }: GpuReport, gpu: GpuFacts): Promise<string> {
  const free = `GPU ${gpu.index} has ${mibText(gpu.totalMiB - gpu.usedMiB)} of ${mibText(gpu.totalMiB)} free`;
  const mine = holders?.filter(({ gpuUuid }) => gpuUuid === gpu.uuid) ?? [];
  const who = await Promise.all(
    mine.map(async ({ pid, name, usedMiB }) => {
      const held = usedMiB === undefined ? '' : ` holds ${mibText(usedMiB)}`;
      return `${await describeProcess(host, pid, name)}${held}`;
    }),
  );
  return who.length === 0 ? free : `${free}: ${who.join(', ')}`;
}
