/** Caps that keep a worker within its memory. */
import type { Profile, WorkerSpec } from '../../profile/profile.ts';
import type { Dialect } from '../dialects.ts';
import type { Flag } from '../flag-words.ts';

/** Of the memory of this host: enough for tiny models, and no surprise for whoever else works here. */
const cpuFraction = 0.1;
const cpuTokens = 20_000;

/** Source: docs/upstream/launch-scripts.md#same-gpu; for a CPU docs/upstream/sglang-on-cpu.md#flags-and-variables. */
export function memoryFlags({ memory }: WorkerSpec, dialect: Dialect, device: Profile['device']): Flag[] {
  const onCpu = device === 'cpu';
  const fraction = onCpu
    ? cpuFraction
    : memory.maxTotalTokens === undefined
      ? undefined
      : dialect.fractionWithTokenCap;
  return [
    ['--context-length', memory.contextLength],
    ['--max-total-tokens', memory.maxTotalTokens ?? (onCpu ? cpuTokens : undefined)],
    ['--max-running-requests', memory.maxRunningRequests],
    ['--chunked-prefill-size', memory.chunkedPrefillSize],
    ['--max-prefill-tokens', memory.maxPrefillTokens],
    ['--mem-fraction-static', memory.staticFraction ?? fraction],
    // It saves memory of a GPU by loading a library of CUDA first.
    ['--enable-memory-saver', memory.saver === true && !onCpu],
    ['--delete-ckpt-after-loading', memory.deleteCheckpointAfterLoading],
  ];
}
