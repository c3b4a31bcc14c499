/** Weights fit, but the share of memory that SGLang may use leaves nothing for the KV cache. */
import { askHolders, noRoomForCache } from '../gpu-memory.ts';
import type { Rule } from '../rule.ts';

/** A share above this leaves no room for activations and CUDA graphs. */
const highestShare = 0.95;

export const gpuMemoryKvCache: Rule = {
  id: 'gpu-memory-kv-cache',
  check: 'D04',
  kind: 'cause',
  sees: 'no GPU memory for the KV cache under `--mem-fraction-static`, with nobody else on the GPU',
  fixes: '`memory.staticFraction` above what the log names, or more GPUs for the worker',
  find: (situation) => {
    const found = noRoomForCache(situation);
    const { subject, host } = situation;
    if (found === undefined || subject === undefined) return undefined;
    const { component } = subject.spec;
    const share = found.above === undefined ? undefined : Math.ceil(found.above * 100 + 5) / 100;
    const enough = share !== undefined && share <= highestShare;
    return {
      cause: enough
        ? `the share of GPU memory that ${subject.spec.name} may use holds the weights but no KV cache: it needs more than ${found.above}`
        : `the model leaves no room for a KV cache on the GPU of ${subject.spec.name}`,
      evidence: [found.line],
      fix: enough
        ? `--set components.${component}.memory.staticFraction=${share}`
        : `--set components.${component}.gpus=${subject.spec.gpus.length + 1}   # or a smaller or quantised model`,
      asks: host.gpuHolders === undefined ? askHolders : undefined,
    };
  },
};
