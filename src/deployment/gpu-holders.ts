/** Who holds GPU memory now, in the words of a diagnosis. */
import type { Environment } from '../base/environment.ts';
import type { GpuHolder } from '../doctor/rule.ts';
import { computeApps } from '../gpu/nvidia-smi.ts';
import { inventory } from '../gpu/inventory.ts';
import { factsOf } from '../process/facts.ts';
import { readVariable } from '../process/proc.ts';
import { durationText } from '../base/duration.ts';

/** Empty where nvidia-smi does not tell, as in some containers. Never throws. */
export async function gpuHolders(environment: Environment): Promise<GpuHolder[]> {
  const [{ gpus }, { apps }] = await Promise.all([inventory(environment), computeApps(environment)]);
  return apps.map(({ gpuUuid, pid, name, usedMiB }) => {
    const facts = factsOf(pid);
    const index = gpus.find(({ uuid }) => uuid === gpuUuid)?.index;
    return {
      pid,
      usedMiB,
      gpu: index === undefined ? [gpuUuid] : [gpuUuid, String(index)],
      what:
        facts === undefined
          ? (name ?? 'not of this pid namespace')
          : `${name ?? facts.command}, of ${facts.user}, for ${durationText(facts.ageMs)}`,
      run: facts === undefined ? undefined : readVariable(pid, 'DYNAMO_RUN_ID'),
    };
  });
}
