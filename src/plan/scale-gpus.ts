/** GPUs for further replicas of a live run: as many as their siblings have, idle, and no smaller. */
import { DynamoError } from '../base/error.ts';
import { allowedGpus, deviceName, limitText } from './gpu-demand.ts';
import { gpuRows, idleMiB } from './gpus.ts';
import type { Plan, ProcessSpec } from './plan.ts';
import type { Gpu, HostFacts } from './request.ts';
import type { NewReplica } from './clone-replica.ts';

export interface ReplicaGpus {
  /** Values of CUDA_VISIBLE_DEVICES by name. */
  readonly devices: ReadonlyMap<string, readonly string[]>;
  readonly order: 'add-first' | 'remove-first';
}

/** Throws `usage` for replicas that share GPUs, and `busy` with a table of GPUs and their users when there are too few. */
export function gpusForReplicas(
  plan: Plan,
  more: readonly NewReplica[],
  removed: readonly ProcessSpec[],
  facts: Pick<HostFacts, 'environment' | 'gpus'>,
): ReplicaGpus {
  const hungry = more.filter(({ template }) => template.gpus.length > 0);
  if (hungry.length === 0) return { devices: new Map(), order: 'add-first' };
  requireOwnGpus(plan, hungry);
  const visible = facts.environment.CUDA_VISIBLE_DEVICES;
  const allowed = allowedGpus(facts.gpus, plan.allowedGpus, visible);
  const idle = allowed.filter((gpu) => gpu.leasedBy === undefined && gpu.usedMiB <= idleMiB);
  const atOnce = fit(hungry, idle, facts.gpus);
  if (atOnce !== undefined) return { devices: atOnce, order: 'add-first' };
  const stay = plan.processes.filter((spec) => !removed.includes(spec)).flatMap(({ gpus }) => gpus);
  const freed = removed.flatMap(({ gpus }) => gpus).filter((device) => !stay.includes(device));
  const later = [...idle, ...allowed.filter((gpu) => freed.includes(deviceName(gpu)))];
  const afterwards = freed.length === 0 ? undefined : fit(hungry, later, facts.gpus);
  if (afterwards !== undefined) return { devices: afterwards, order: 'remove-first' };
  throw tooFew(hungry, allowed, idle, limitText(plan.allowedGpus, visible));
}

/** Gives each as many GPUs as its template has; all of them at least as large as the smallest of those. */
function fit(
  more: readonly NewReplica[],
  offered: readonly Gpu[],
  all: readonly Gpu[],
): Map<string, readonly string[]> | undefined {
  let left = offered;
  const given = new Map<string, readonly string[]>();
  for (const { name, template } of more) {
    const own = all.filter((gpu) => template.gpus.includes(deviceName(gpu)));
    const smallest = Math.min(Infinity, ...own.map(({ totalMiB }) => totalMiB));
    const isLikeOwn = (gpu: Gpu): boolean =>
      (own.length === 0 || gpu.totalMiB >= smallest) && (template.gpus.length < 2 || gpu.migOf === undefined);
    const mine = left.filter(isLikeOwn).slice(0, template.gpus.length);
    if (mine.length < template.gpus.length) return undefined;
    left = left.filter((gpu) => !mine.includes(gpu));
    given.set(name, mine.map(deviceName));
  }
  return given;
}

/** Two workers that share a GPU divide its memory by their arguments: a third one would have none. */
function requireOwnGpus({ name: run, runId, processes }: Plan, more: readonly NewReplica[]): void {
  for (const component of new Set(more.map(({ template }) => template.component))) {
    const own = processes.filter((spec) => spec.component === component).flatMap(({ gpus }) => gpus);
    const other = processes.find(
      (spec) => spec.component !== component && spec.gpus.some((device) => own.includes(device)),
    );
    if (other === undefined) continue;
    throw new DynamoError(
      'usage',
      `${component} shares GPU ${other.gpus.join(',')} with ${other.name}: another one cannot be added.`,
      {
        hint: `dynamo down ${run}   # then start it with --replicas, or with a profile whose workers share no GPU`,
        fields: { runId, asked: component, process: other.name },
      },
    );
  }
}

function tooFew(
  more: readonly NewReplica[],
  allowed: readonly Gpu[],
  idle: readonly Gpu[],
  limit: string | undefined,
): DynamoError {
  const needed = more.reduce((sum, { template }) => sum + template.gpus.length, 0);
  const within = limit === undefined ? '' : ` (${limit})`;
  const names = more.map(({ name }) => name).join(', ');
  return new DynamoError(
    'busy',
    `${names}: needs ${needed} more idle GPU${needed === 1 ? '' : 's'}, and ${idle.length} of the ${allowed.length} allowed${within} ${idle.length === 1 ? 'is' : 'are'}.`,
    {
      details: allowed.length === 0 ? [] : ['Allowed GPUs:', ...allowed.flatMap(gpuRows)],
      hint: 'dynamo ps   # shows which run holds which GPU',
      fields: { gpusNeeded: needed, gpusAllowed: allowed.length, gpusFree: idle.length },
    },
  );
}
