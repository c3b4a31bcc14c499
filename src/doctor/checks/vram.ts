/** D04: too little free GPU memory, and who holds it. */
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import { deviceName } from '../../plan/allowed-gpus.ts';
import { gpuDemand } from '../../plan/gpu-demand.ts';
import { freeOf } from '../../plan/gpu-group.ts';
import type { GpuFacts, GpuReport, HostView, Subject } from '../host-view.ts';
import { noGpu } from '../gpu-report.ts';
import { findModel, weightBytes } from '../model-files.ts';
import { describeProcess } from '../proc-files.ts';
import { mibText } from '../sizes.ts';

/**
 * More in use before we start is somebody's work: an idle H200 had 615 MiB.
 * Source: docs/upstream/memory-and-gpus.md#idle-gpus.
 */
const idleMiB = 1_024;
const fix = 'dynamo clean   # ends what is ours and dead; else take other GPUs: --gpus';

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
    const plan = subject?.plan;
    if (plan !== undefined && plan.gpuUuids.length === 0) return skip(`engine ${plan.engine} uses no GPU`);
    const lines = await Promise.all(report.gpus.map(async (gpu) => await gpuLine(host, report, gpu)));
    if (subject === undefined) return ok(lines.join('; '));
    if (plan === undefined) return skip(`there is no valid plan; ${lines.join('; ')}`);
    const mine = report.gpus.filter(({ uuid }) => plan.gpuUuids.includes(uuid));
    return await judge(host, subject, mine, lines);
  },
};

async function judge(
  host: HostView,
  subject: Subject,
  mine: readonly GpuFacts[],
  lines: readonly string[],
): Promise<Finding> {
  const model = await findModel(host, subject.profile.model);
  const bytes = model && (await weightBytes(host, model));
  for (const gpu of mine) {
    const needed = neededMiB(subject, gpu, bytes === undefined ? undefined : bytes / 2 ** 20);
    const line = lines.find((text) => text.startsWith(`GPU ${deviceName(gpu)} `)) ?? '';
    const free = freeOf(gpu);
    if (free === undefined) return skip(`nvidia-smi does not tell the memory of GPU ${deviceName(gpu)}`);
    if (needed !== undefined && free < needed) {
      return fail(`${line}; the plan needs ${mibText(needed)} there`, fix, lines);
    }
    if (needed === undefined && gpu.usedMiB > idleMiB) {
      return warn(`${line}; how much the model needs is not known`, fix, lines);
    }
  }
  return ok(lines.join('; '));
}

/** Of all workers on one GPU together; `undefined` when it is not known of one of them. */
function neededMiB(
  { plan, profile }: Subject,
  gpu: GpuFacts,
  weightsMiB: number | undefined,
): number | undefined {
  let sum = 0;
  for (const { component, gpus } of plan?.processes ?? []) {
    const spec = profile.components[component];
    if (!gpus.includes(deviceName(gpu)) || spec?.kind !== 'worker') continue;
    const demand = gpuDemand(spec, weightsMiB);
    if (demand === undefined) return undefined;
    sum += demand.mib;
  }
  return sum;
}

async function gpuLine(host: HostView, { holders }: GpuReport, gpu: GpuFacts): Promise<string> {
  const free = freeOf(gpu);
  const room =
    free === undefined ? 'has unknown memory' : `has ${mibText(free)} of ${mibText(gpu.totalMiB)} free`;
  const mine = holders?.filter(({ gpuUuid }) => gpuUuid === gpu.uuid) ?? [];
  const who = await Promise.all(
    mine.map(async ({ pid, name, usedMiB }) => {
      const held = usedMiB === undefined ? '' : ` holds ${mibText(usedMiB)}`;
      return `${await describeProcess(host, pid, name)}${held}`;
    }),
  );
  const lease = gpu.leasedBy === undefined ? '' : `, taken by run ${gpu.leasedBy}`;
  const text = `GPU ${deviceName(gpu)} ${room}${lease}`;
  return who.length === 0 ? text : `${text}: ${who.join(', ')}`;
}
