/** The KV blocks that a worker has cached. A block's name hashes the whole prefix, so equal names mean equal prefixes. */
import { createHash } from 'node:crypto';

/** Least recently used blocks are evicted first. The router keeps a copy for each worker. */
export interface CacheChange {
  readonly stored: readonly string[];
  readonly removed: readonly string[];
}

export type PrefixCache = ReturnType<typeof prefixCache>;

export function prefixCache(capacity: number, onChange: (change: CacheChange) => void) {
  // A Set keeps the order of insertion: its first key is the least recently used block.
  const cached = new Set<string>();
  return {
    /** How many leading blocks are cached. */
    matched: (blocks: readonly string[]): number => {
      const missing = blocks.findIndex((block) => !cached.has(block));
      return missing === -1 ? blocks.length : missing;
    },
    insert: (blocks: readonly string[]): void => {
      // A chain longer than the cache keeps its head: a tail without its head can never match.
      const kept = blocks.slice(0, capacity);
      const stored = kept.filter((block) => !cached.has(block));
      // Last block first, so that a chain loses its tail before its head.
      for (const block of kept.toReversed()) {
        cached.delete(block);
        cached.add(block);
      }
      const removed = [...cached].slice(0, Math.max(0, cached.size - capacity));
      for (const block of removed) cached.delete(block);
      if (stored.length > 0 || removed.length > 0) onChange({ stored, removed });
    },
    remove: (blocks: readonly string[]): void => blocks.forEach((block) => cached.delete(block)),
    size: (): number => cached.size,
    contents: (): string[] => [...cached],
  };
}

/** One name for each full block of `pageSize` tokens. */
export function blockHashes(tokens: readonly number[], pageSize: number): string[] {
  const names: string[] = [];
  const hash = createHash('sha256');
  for (let end = pageSize; end <= tokens.length; end += pageSize) {
    hash.update(Uint32Array.from(tokens.slice(end - pageSize, end)));
    names.push(hash.copy().digest('hex').slice(0, 16));
  }
  return names;
}

/** What prefill transfers to decode instead of a real KV cache: it proves that both read the same tokens. */
export function digest(tokens: readonly number[]): string {
  return createHash('sha256').update(Uint32Array.from(tokens)).digest('hex');
}
