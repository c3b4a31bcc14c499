/** The model's weights do not fit on the GPU. */
import { loadPhase, outOfMemory } from '../gpu-memory.ts';
import type { Rule } from '../rule.ts';

export const gpuMemoryWeights: Rule = {
  id: 'gpu-memory-weights',
  check: 'D04',
  kind: 'cause',
  sees: 'CUDA out of memory between `Load weight begin` and `Load weight end`, with nobody else on the GPU',
  fixes: 'more GPUs for the worker (`components.X.gpus`), or a smaller or quantised model',
  find: (situation) => {
    const oom = outOfMemory(situation);
    if (oom === undefined || situation.subject === undefined || loadPhase(situation) !== 'weights')
      return undefined;
    const { component, gpus } = situation.subject.spec;
    return {
      cause: `the weights of ${situation.plan.model.path} do not fit into the ${oom.totalGiB.toFixed(1)} GiB of the GPU`,
      evidence: [oom.line],
      fix: `--set components.${component}.gpus=${Math.max(2, gpus.length * 2)}   # or a smaller or quantised model`,
    };
  },
};
