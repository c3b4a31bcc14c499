/** GPU memory ran out while CUDA graphs were captured: weights and KV cache took all. */
import { seen } from '../log-lines.ts';
import { loadPhase, outOfMemory, ownText } from '../gpu-memory.ts';
import type { Rule } from '../rule.ts';

export const gpuMemoryGraphs: Rule = {
  id: 'gpu-memory-graphs',
  check: 'D04',
  kind: 'cause',
  sees: '`Capture cuda graph failed: CUDA out of memory`',
  fixes: 'a smaller `memory.staticFraction`',
  find: (situation) => {
    const oom = outOfMemory(situation);
    const failed = seen(situation, /[Cc]apture cuda graph failed: .*out of memory/);
    if (oom === undefined || situation.subject === undefined) return undefined;
    if (failed === undefined && loadPhase(situation) !== 'graphs') return undefined;
    return {
      cause: `GPU memory ran out while CUDA graphs were captured: the KV cache left too little${ownText(oom)}`,
      evidence: [oom.line],
      fix: `--set components.${situation.subject.spec.component}.memory.staticFraction=0.7`,
    };
  },
};
