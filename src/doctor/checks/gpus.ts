/** D13: as many GPUs as the plan needs, none given away twice, and CUDA_VISIBLE_DEVICES names ones that exist. */
import { type Check, fail, type Finding, ok, skip } from '../check.ts';
import type { Plan } from '../../plan/plan.ts';
import { messageOf } from '../../base/error-code.ts';
import { allowedGpus, deviceName } from '../../plan/allowed-gpus.ts';
import type { Gpu } from '../../plan/request.ts';
import { noGpu } from '../gpu-report.ts';
import type { Subject } from '../host-view.ts';
import { workersOf } from '../planned.ts';
import { countText } from '../sizes.ts';

export const gpus: Check = {
  id: 'D13',
  name: 'gpus',
  title: 'the GPUs that the plan needs are there',
  severity: 'fail',
  look: async (host) => {
    const { subject, environment } = host;
    if (subject?.plan !== undefined && subject.plan.engine !== 'sglang') {
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
        `${messageOf(error)} CUDA hides it and all that follow.`,
        `export CUDA_VISIBLE_DEVICES=${report.gpus.map(deviceName).join(',')}`,
      );
    }
    if (allowed.length === 0) {
      return fail(`CUDA_VISIBLE_DEVICES=${visible}: no GPU may be used`, 'unset CUDA_VISIBLE_DEVICES');
    }
    const count = allowed.length;
    if (subject === undefined)
      return ok([`${count} of ${report.gpus.length} GPUs may be used`, ...(report.notes ?? [])].join('; '));
    const needed = neededGpus(subject);
    if (needed > count) {
      return fail(
        `${subject.profile.name} needs ${countText(needed, 'GPU')}, ${count} may be used`,
        count === 1
          ? 'dynamo up disagg_same_gpu   # or agg; or without a GPU: --engine sim'
          : '--engine sim runs it without a GPU',
      );
    }
    return (
      (subject.plan && overlap(subject.plan, subject)) ??
      ok([`${needed} of ${count} GPUs are needed`, ...(report.notes ?? [])].join('; '))
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
