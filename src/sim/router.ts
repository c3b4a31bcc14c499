/** Picks a worker: in turn, at random, or where most of the prompt is cached and the load is low. */
import { blockHashes } from './block-hash.ts';
import type { Metrics } from './metrics.ts';
import { prefixCache, type CacheChange, type PrefixCache } from './prefix-cache.ts';
import type { Peer } from './registry.ts';
import { type SeededFault, takesTurns } from './seeded-fault.ts';

export const routerModes = ['round-robin', 'random', 'kv'] as const;

export interface Choice {
  readonly peer: Peer;
  /** The request has left the worker. */
  /** Share of the prompt's blocks that the router believes to be cached there, from 0 to 1; absent where it does not look. */
  readonly hitRate?: number;
  done(): void;
}

export type Router = ReturnType<typeof router>;

export function router(mode: (typeof routerModes)[number], metrics: Metrics, fault?: SeededFault) {
  let routed = 0;
  const load = new Map<string, number>();
  const turns = new Map<string, number>();
  /** What each worker holds: as its events tell, or else as the router's own choices let expect. */
  const caches = new Map<string, PrefixCache>();
  const loadOf = ({ instance }: Peer): number => load.get(instance.id) ?? 0;
  const cacheOf = ({ instance, card }: Peer): PrefixCache => {
    const cache = caches.get(instance.id) ?? prefixCache(card.total_kv_blocks, () => {});
    caches.set(instance.id, cache);
    return cache;
  };

  /** Takes the cheapest and adds the work to its load until it is done. */
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
  const looks = (peers: readonly Peer[]): boolean =>
    mode === 'kv' && !takesTurns(fault, peers[0]?.card.worker_mode ?? '', routed);
  /** For the worker that only writes: what it holds does not matter. */
  const byLoad = (peers: readonly Peer[]): Choice => {
    const look = looks(peers);
    return occupy(
      peers,
      peers.map((peer) => (look ? loadOf(peer) : 0)),
      1,
    );
  };
  /** For the worker that reads the prompt. */
  const byPrefix = (peers: readonly Peer[], tokens: readonly number[]): Choice => {
    if (!looks(peers)) return byLoad(peers);
    const pageSize = peers[0]?.card.kv_cache_block_size ?? 16;
    const blocks = blockHashes(tokens, pageSize);
    const total = Math.max(1, Math.ceil(tokens.length / pageSize));
    const costs = peers.map((peer) => loadOf(peer) + total - cacheOf(peer).matched(blocks));
    const choice = occupy(peers, costs, total);
    const chosen = cacheOf(choice.peer);
    const hitRate = chosen.matched(blocks) / total;
    metrics.observe('dynamo_component_router_kv_hit_rate', {}, hitRate);
    chosen.insert(blocks);
    return { ...choice, hitRate };
  };
  return {
    byLoad,
    byPrefix,
    /** What a worker tells, at first everything that it holds; its own events say what leaves. */
    learn: (id: string, { stored, removed }: CacheChange): void => {
      const cache = caches.get(id) ?? prefixCache(Infinity, () => {});
      caches.set(id, cache);
      cache.insert(stored);
      cache.remove(removed);
    },
    forget: (id: string): void => void caches.delete(id),
  };
}

/** Index of the lowest cost; equals take turns, so that idle workers share the work. */
export function cheapest(costs: readonly number[], turn: number): number {
  const lowest = Math.min(...costs);
  const best = costs.flatMap((cost, index) => (cost === lowest ? [index] : []));
  return best[turn % best.length] ?? 0;
}
