/** Chooses a worker: round robin, at random, or by cached prefix and load. */
import { randomBytes } from 'node:crypto';
import { blockHashes, type CacheChange, prefixCache, type PrefixCache } from './prefix-cache.ts';
import type { Metrics } from './metrics.ts';
import type { Peer } from './registry.ts';
import { type SeededFault, takesTurns } from './seeded-fault.ts';

export const routerModes = ['round-robin', 'random', 'kv'] as const;

export interface Choice {
  readonly peer: Peer;
  /** Expected share of the prompt's blocks that is cached there, from 0 to 1; absent without prefix routing. */
  readonly hitRate?: number;
  /** The worker has finished the request. */
  done(): void;
}

export type Router = ReturnType<typeof router>;

export function router(mode: (typeof routerModes)[number], metrics: Metrics, fault?: SeededFault) {
  let routed = 0;
  const routerId = randomBytes(8).readBigUInt64LE().toString();
  const load = new Map<string, number>();
  const turns = new Map<string, number>();
  /** The cached blocks of each worker, from its events or else predicted from the router's own choices. */
  const caches = new Map<string, PrefixCache>();
  const loadOf = ({ instance }: Peer): number => load.get(instance.id) ?? 0;
  const cacheOf = ({ instance, card }: Peer): PrefixCache => {
    const cache = caches.get(instance.id) ?? prefixCache(card.total_kv_blocks, () => {});
    caches.set(instance.id, cache);
    return cache;
  };

  /** Takes the cheapest worker and adds the work to its load until it is done. */
  const occupy = (peers: readonly Peer[], costs: readonly number[], work: number): Choice => {
    const role = peers[0]?.card.worker_mode ?? '';
    const turn = turns.get(role) ?? 0;
    turns.set(role, turn + 1);
    routed++;
    const peer = peers[mode === 'random' ? Math.floor(Math.random() * peers.length) : cheapest(costs, turn)];
    if (peer === undefined) throw new Error('no worker to choose from');
    metrics.count('dynamo_component_router_requests_total', { router_mode: mode, worker_type: role });
    load.set(peer.instance.id, loadOf(peer) + work);
    return { peer, done: () => load.set(peer.instance.id, loadOf(peer) - work) };
  };
  const usesCosts = (peers: readonly Peer[]): boolean =>
    mode === 'kv' && !takesTurns(fault, peers[0]?.card.worker_mode ?? '', routed);
  /** For a worker that only decodes: its cache does not matter. */
  const byLoad = (peers: readonly Peer[]): Choice => {
    const costly = usesCosts(peers);
    return occupy(
      peers,
      peers.map((peer) => (costly ? loadOf(peer) : 0)),
      1,
    );
  };
  /** For a worker that runs prefill. */
  const byPrefix = (peers: readonly Peer[], tokens: readonly number[]): Choice => {
    if (!usesCosts(peers)) return byLoad(peers);
    const begin = performance.now();
    const pageSize = peers[0]?.card.kv_cache_block_size ?? 16;
    const blocks = blockHashes(tokens, pageSize);
    const total = Math.max(1, Math.ceil(tokens.length / pageSize));
    const costs = peers.map((peer) => loadOf(peer) + total - cacheOf(peer).matched(blocks));
    const choice = occupy(peers, costs, total);
    const chosen = cacheOf(choice.peer);
    const hitRate = chosen.matched(blocks) / total;
    metrics.observe('dynamo_component_router_kv_hit_rate', {}, hitRate);
    chosen.insert(blocks);
    metrics.observe('dynamo_router_overhead_total_ms', { router_id: routerId }, performance.now() - begin);
    return { ...choice, hitRate };
  };
  return {
    byLoad,
    byPrefix,
    /** Applies an event of a worker; the first one lists all its blocks. */
    learn: (id: string, { stored, removed }: CacheChange): void => {
      const cache = caches.get(id) ?? prefixCache(Infinity, () => {});
      caches.set(id, cache);
      cache.insert(stored);
      cache.remove(removed);
    },
    forget: (id: string): void => void caches.delete(id),
  };
}

/** Index of the lowest cost. Workers with equal cost take turns, so that idle workers share the work. */
export function cheapest(costs: readonly number[], turn: number): number {
  const lowest = Math.min(...costs);
  const best = costs.flatMap((cost, index) => (cost === lowest ? [index] : []));
  return best[turn % best.length] ?? 0;
}
