import { expect, test } from 'vitest';
import { blockHashes } from '../../../src/sim/prefix-cache.ts';
import type { Card, WorkerMode } from '../../../src/sim/discovery.ts';
import { metrics } from '../../../src/sim/metrics.ts';
import type { Peer } from '../../../src/sim/registry.ts';
import { cheapest, router } from '../../../src/sim/router.ts';

const tokens = Array.from({ length: 100 }, (_, index) => index);

function peer(id: string, mode: WorkerMode = 'aggregated'): Peer {
  const card: Card = {
    display_name: 'm',
    source_path: 'm',
    context_length: 1000,
    kv_cache_block_size: 4,
    total_kv_blocks: 1000,
    worker_mode: mode,
    multimodal: false,
    dedicated_encoder: false,
    bootstrap: null,
  };
  return { card, instance: { namespace: 'n', component: 'backend', endpoint: 'generate', id, tcp: '' } };
}

test('the cheapest wins, equal ones take turns', () => {
  expect(cheapest([3, 1, 2], 5)).toBe(1);
  expect([0, 1, 2].map((turn) => cheapest([1, 1, 9], turn))).toEqual([0, 1, 0]);
});

test('round robin takes turns', () => {
  const route = router('round-robin', metrics());
  const peers = [peer('1'), peer('2'), peer('3')];
  const chosen = [1, 2, 3, 4].map(() => route.byPrefix(peers, tokens).peer.instance.id);
  expect(chosen).toEqual(['1', '2', '3', '1']);
});

test('kv follows the events to the cached prefix', () => {
  const route = router('kv', metrics());
  route.learn('2', { stored: blockHashes(tokens, 4), removed: [] });
  const choice = route.byPrefix([peer('1'), peer('2')], tokens);
  expect(choice.peer.instance.id).toBe('2');
});

test('kv leaves a cached worker that is too busy', () => {
  const route = router('kv', metrics());
  const peers = [peer('1'), peer('2')];
  route.learn('2', { stored: blockHashes(tokens, 4), removed: [] });
  const first = route.byPrefix(peers, tokens);
  const second = route.byPrefix(peers, tokens);
  const third = route.byPrefix(peers, tokens);
  const ids = [first, second, third].map(({ peer: { instance } }) => instance.id);
  // Equal cost at the second request (25 blocks of work either way), higher on one of the two afterwards.
  expect(new Set(ids)).toEqual(new Set(['1', '2']));
  for (const choice of [first, second, third]) choice.done();
  expect(route.byPrefix(peers, [...tokens, 1, 2, 3, 4]).peer.instance.id).toBeDefined();
});

test('without events, its own choices count as cached', () => {
  const route = router('kv', metrics());
  const peers = [peer('1'), peer('2')];
  const ids = [1, 2, 3, 4].map(() => {
    const choice = route.byPrefix(peers, tokens);
    choice.done();
    return choice.peer.instance.id;
  });
  expect(new Set(ids).size).toBe(1);
});

test('blocks that a worker evicted or forgot attract nothing', () => {
  const route = router('kv', metrics());
  const peers = [peer('1'), peer('2')];
  const blocks = blockHashes(tokens, 4);
  const chosen = (): string => {
    const { peer: found, done } = route.byPrefix(peers, tokens);
    done();
    route.forget(found.instance.id);
    return found.instance.id;
  };
  route.learn('2', { stored: blocks, removed: [] });
  expect(chosen()).toBe('2');
  route.learn('2', { stored: blocks, removed: [] });
  route.learn('2', { stored: [], removed: blocks });
  route.learn('1', { stored: blocks.slice(0, 1), removed: [] });
  expect(chosen()).toBe('1');
});

test('a routing fault makes only one pool take turns', () => {
  const route = router('kv', metrics(), 'prefill-routing');
  const ids = (mode: WorkerMode, count: number): Set<string> => {
    const peers = [peer(`${mode}-1`, mode), peer(`${mode}-2`, mode)];
    const choices = Array.from({ length: count }, () => route.byPrefix(peers, tokens));
    for (const choice of choices) choice.done();
    return new Set(choices.map((choice) => choice.peer.instance.id));
  };
  ids('prefill', 1);
  expect(ids('prefill', 2).size).toBe(2);
  const load = router('kv', metrics(), 'decode-routing');
  const writers = [peer('1', 'decode'), peer('2', 'decode')];
  const held = load.byLoad(writers);
  const after = [1, 2].map(() => {
    const choice = load.byLoad(writers);
    choice.done();
    return choice.peer.instance.id;
  });
  expect(after).toContain(held.peer.instance.id);
});
