/** GPU memory ran out after loading: requests need more than was left beside the KV cache. */
import { outOfMemory, ownText } from '../gpu-memory.ts';
import type { Rule } from '../rule.ts';

export const gpuMemoryRequests: Rule = {
  id: 'gpu-memory-requests',
  check: 'D04',
  kind: 'cause',
  sees: 'CUDA out of memory at any other moment',
  fixes: 'a smaller `memory.staticFraction`, which leaves more for requests',
  find: (situation) => {
    const oom = outOfMemory(situation);
    if (oom === undefined || situation.subject === undefined) return undefined;
    return {
      cause: `GPU memory ran out beside weights and KV cache${ownText(oom)}`,
      evidence: [oom.line],
      fix: `--set components.${situation.subject.spec.component}.memory.staticFraction=0.7`,
    };
  },
};
