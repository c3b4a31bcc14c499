/** Which KV blocks a worker holds, by their names; least recently used ones leave first. The router keeps copies. */
export interface CacheChange {
  readonly stored: readonly string[];
  readonly removed: readonly string[];
}

export type PrefixCache = ReturnType<typeof prefixCache>;

export function prefixCache(capacity: number, onChange: (change: CacheChange) => void) {
  // A Set keeps the order of insertion: its first key is the least recently used block.
  const held = new Set<string>();
  return {
    /** How many of the leading blocks are here. */
    matched: (blocks: readonly string[]): number => {
      const missing = blocks.findIndex((block) => !held.has(block));
      return missing === -1 ? blocks.length : missing;
    },
    insert: (blocks: readonly string[]): void => {
      // A chain longer than the cache keeps its beginning: a tail without its head can never match.
      const kept = blocks.slice(0, capacity);
      const stored = kept.filter((block) => !held.has(block));
      // Last block first, so that a chain loses its tail before its head.
      for (const block of kept.toReversed()) {
        held.delete(block);
        held.add(block);
      }
      const removed = [...held].slice(0, Math.max(0, held.size - capacity));
      for (const block of removed) held.delete(block);
      if (stored.length > 0 || removed.length > 0) onChange({ stored, removed });
    },
    remove: (blocks: readonly string[]): void => blocks.forEach((block) => held.delete(block)),
    size: (): number => held.size,
    contents: (): string[] => [...held],
  };
}
