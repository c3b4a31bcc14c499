/** Teardown undoes everything once, last first, also when a step fails. */
import { expect, test } from 'vitest';
import { createTeardown } from '../../../src/base/teardown.ts';

test('undoes last first, and only once', async () => {
  const teardown = createTeardown();
  const seen: number[] = [];
  for (const step of [1, 2, 3]) teardown.defer(() => void seen.push(step));
  await teardown.run();
  await teardown.run();
  expect(seen).toEqual([3, 2, 1]);
});

test('goes on after an error and throws the first one', async () => {
  const teardown = createTeardown();
  const seen: number[] = [];
  teardown.defer(() => void seen.push(1));
  teardown.defer(async () => await Promise.reject(new Error('second')));
  teardown.defer(() => {
    throw new Error('first');
  });
  await expect(teardown.run()).rejects.toThrow('first');
  expect(seen).toEqual([1]);
});

test('what is deferred while it runs is undone, too', async () => {
  const teardown = createTeardown();
  const seen: string[] = [];
  teardown.defer(() => teardown.defer(() => void seen.push('late')));
  await teardown.run();
  expect(seen).toEqual(['late']);
});
