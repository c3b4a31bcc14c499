/** The GPUs that the plan needs: present, with free memory, and open to several processes. */
import { idleMiB } from '../../plan/gpus.ts';
import { messageOf } from '../../base/error-code.ts';
import { allowedGpus, deviceName, freeOf, gpuDemand } from '../../plan/gpu-demand.ts';
import type { Plan } from '../../plan/plan.ts';
import type { Gpu } from '../../plan/request.ts';
import { type Check, fail, type Finding, noGpu, ok, skip, warn } from '../check.ts';
import type { GpuFacts, GpuReport, HostView, Subject } from '../host-view.ts';
import { findModel, weightBytes } from '../model-files.ts';
import { engineUses, workersOf } from '../planned.ts';
import { describeProcess } from '../proc-files.ts';
import { countText, gibText } from '../../base/units.ts';

const fix = 'dynamo clean   # ends processes of dead runs; otherwise use other GPUs: --gpus';

/** D04: too little free GPU memory, and who holds it. */
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
    return await judgeMemory(host, subject, mine, lines);
  },
};

async function judgeMemory(
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
    if (free === undefined) return skip(`nvidia-smi does not report the memory of GPU ${deviceName(gpu)}`);
    if (needed !== undefined && free < needed) {
      return fail(`${line}; the plan needs ${gibText(needed)} there`, fix, lines);
    }
    if (needed === undefined && gpu.usedMiB > idleMiB) {
      return warn(`${line}; how much the model needs is unknown`, fix, lines);
    }
  }
  return ok(lines.join('; '));
}

/** Of all workers on one GPU together; `undefined` if it is unknown for one of them. */
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
    free === undefined ? 'has unknown memory' : `has ${gibText(free)} of ${gibText(gpu.totalMiB)} free`;
  const mine = holders?.filter(({ gpuUuid }) => gpuUuid === gpu.uuid) ?? [];
  const who = await Promise.all(
    mine.map(async ({ pid, name, usedMiB }) => {
      const held = usedMiB === undefined ? '' : ` uses ${gibText(usedMiB)}`;
      return `${await describeProcess(host, pid, name)}${held}`;
    }),
  );
  const lease = gpu.leasedBy === undefined ? '' : `, leased by run ${gpu.leasedBy}`;
  const text = `GPU ${deviceName(gpu)} ${room}${lease}`;
  return who.length === 0 ? text : `${text}: ${who.join(', ')}`;
}

/** D13: as many GPUs as the plan needs, none assigned twice, and CUDA_VISIBLE_DEVICES names ones that exist. */
export const gpus: Check = {
  id: 'D13',
  name: 'gpus',
  title: 'the GPUs that the plan needs exist',
  severity: 'fail',
  look: async (host) => {
    const { subject, environment } = host;
    if (subject?.plan !== undefined && !engineUses(subject.plan, 'gpus')) {
      return skip(`engine ${subject.plan.engine} needs no GPU`);
    }
    const report = await host.gpus();
    const none = noGpu(report);
    if (none !== undefined) return none;
    const visible = environment['CUDA_VISIBLE_DEVICES'];
    let allowed: readonly Gpu[];
    try {
      allowed = allowedGpus(report.gpus, undefined, visible);
    } catch (error) {
      return fail(
        `${messageOf(error)} CUDA ignores it and all that follow it.`,
        `export CUDA_VISIBLE_DEVICES=${report.gpus.map(deviceName).join(',')}`,
      );
    }
    if (allowed.length === 0) {
      return fail(`CUDA_VISIBLE_DEVICES=${visible}: no GPU can be used`, 'unset CUDA_VISIBLE_DEVICES');
    }
    const count = allowed.length;
    if (subject === undefined)
      return ok([`${count} of ${report.gpus.length} GPUs usable`, ...(report.notes ?? [])].join('; '));
    const needed = neededGpus(subject);
    if (needed > count) {
      return fail(
        `${subject.profile.name} needs ${countText(needed, 'GPU')}, but only ${count} can be used`,
        count === 1
          ? 'dynamo up disagg_same_gpu   # or agg; without a GPU: --engine sim'
          : '--engine sim needs no GPU',
      );
    }
    return (
      (subject.plan && overlap(subject.plan, subject)) ??
      ok([`${needed} of ${count} GPUs needed`, ...(report.notes ?? [])].join('; '))
    );
  },
};

function neededGpus(subject: Subject): number {
  const { plan } = subject;
  if (plan !== undefined) return new Set(plan.processes.flatMap((spec) => spec.gpus)).size;
  return workersOf(subject).reduce(
    (sum, spec) => sum + (spec.shareGpuWith === undefined ? spec.gpus * spec.replicas : 0),
    0,
  );
}

function overlap(plan: Plan, { profile }: Subject): Finding | undefined {
  const owners = new Map<string, string>();
  for (const { name, component, gpus: mine } of plan.processes) {
    const spec = profile.components[component];
    if (spec?.kind === 'worker' && spec.shareGpuWith !== undefined) continue;
    for (const gpu of mine) {
      const owner = owners.get(gpu);
      if (owner !== undefined)
        return fail(`GPU ${gpu} is planned for ${owner} and for ${name}`, '--gpus, with one for each');
      owners.set(gpu, name);
    }
  }
  return undefined;
}

/** D17: a GPU that allows only one process cannot be shared by two workers. */
export const computeMode: Check = {
  id: 'D17',
  name: 'compute-mode',
  title: 'the GPUs allow several processes',
  severity: 'warn',
  look: async (host) => {
    const report = await host.gpus();
    const none = noGpu(report);
    if (none !== undefined) return none;
    const { plan } = host.subject ?? {};
    const mine = report.gpus.filter(({ uuid }) => plan === undefined || plan.gpuUuids.includes(uuid));
    if (mine.length === 0) return skip(`engine ${plan?.engine} uses no GPU`);
    if (mine.some(({ computeMode: mode }) => mode === undefined)) {
      return skip('nvidia-smi does not report the compute mode');
    }
    const shut = mine.find(({ computeMode: mode }) => mode !== 'Default');
    if (shut === undefined) return ok('compute mode Default');
    return warn(
      `GPU ${shut.index} is in compute mode ${shut.computeMode}: ${shut.computeMode === 'Prohibited' ? 'no process' : 'only one process'} may use it`,
      `sudo nvidia-smi -i ${shut.index} -c DEFAULT   # workers that share a GPU need it`,
    );
  },
};
