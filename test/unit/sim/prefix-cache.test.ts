import { expect, test } from 'vitest';
import { blockHashes, type CacheChange, digest, prefixCache } from '../../../src/sim/prefix-cache.ts';

test('only full blocks have a hash, which covers everything before', () => {
  const one = blockHashes([1, 2, 3, 4, 5], 2);
  const other = blockHashes([9, 2, 3, 4], 2);
  expect(one).toHaveLength(2);
  expect(one[0]).not.toBe(other[0]);
  expect(one[1]).not.toBe(other[1]);
  expect(blockHashes([1, 2, 3, 4, 6, 7], 2).slice(0, 2)).toEqual(one);
});

test('hashes of many blocks do not collide', () => {
  const names = blockHashes(
    Array.from({ length: 20_000 }, () => 7),
    1,
  );
  expect(new Set(names).size).toBe(20_000);
});

test('the digest depends on every token', () => {
  expect(digest([1, 2, 3])).not.toBe(digest([1, 2, 4]));
});

test('a cache matches the longest prefix and reports what it stores and evicts', () => {
  const changes: CacheChange[] = [];
  const cache = prefixCache(3, (change) => changes.push(change));
  cache.insert(['a', 'b']);
  expect(cache.matched(['a', 'b', 'c'])).toBe(2);
  expect(cache.matched(['x', 'b'])).toBe(0);
  cache.insert(['c', 'd']);
  // The tail of the older chain is evicted first, so that its head can still match.
  expect(changes).toEqual([
    { stored: ['a', 'b'], removed: [] },
    { stored: ['c', 'd'], removed: ['b'] },
  ]);
  expect(cache.matched(['a', 'b'])).toBe(1);
});

test('a chain longer than the cache keeps its head within the capacity', () => {
  const cache = prefixCache(2, () => {});
  cache.insert(['a', 'b', 'c', 'd']);
  expect(cache.size()).toBe(2);
  expect(cache.matched(['a', 'b', 'c'])).toBe(2);
});

test('inserting existing blocks changes nothing', () => {
  const changes: CacheChange[] = [];
  const cache = prefixCache(4, (change) => changes.push(change));
  cache.insert(['a', 'b']);
  cache.insert(['a', 'b']);
  expect(changes).toHaveLength(1);
});
