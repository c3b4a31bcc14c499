/** What is said of GPU memory that did not come back with the end of its process, and the one command that helps. */
import type { ProcessSpec } from '../plan/plan.ts';

type Known = Pick<ProcessSpec, 'name' | 'mode'>;

/**
 * `held` as in `5.4 GiB of GPU 1`. Prefill writes into the KV cache of a decode worker on this host. When that worker was
 * lost, as much stayed until prefill had ended, and nvidia-smi listed nobody for it.
 * Source: docs/upstream/gpus-seen.md#a-kv-cache-that-stays.
 */
export function stillHeldText(
  processes: readonly Known[],
  gone: Known,
  held: readonly string[],
  limitMs: number,
): string {
  const seen = `${gone.name} is gone, but ${held.join(', ')} did not come back within ${limitMs / 1000} s: `;
  const writers = processes.filter(({ mode }) => gone.mode === 'decode' && mode === 'prefill');
  if (writers.length === 0) return `${seen}dynamo clean --dry-run   # says who holds what`;
  const names = writers.map(({ name }) => name).join(' ');
  return `${seen}dynamo restart ${names}   # the KV cache of ${gone.name} stays until it ends`;
}
