/** The pace of polling, and when it ends. */
import { expect, test } from 'vitest';
import { DynamoError } from '../../../src/base/error.ts';
import { type Attempt, poll } from '../../../src/probe/poll.ts';
import { virtualClock } from '../../support/clocks.ts';

function asking(attempt: Attempt<string>) {
  const clock = virtualClock();
  const stop = new AbortController();
  const soon = new AbortController();
  const saw: string[] = [];
  const askedAt: number[] = [];
  const result = poll(
    async (signal) => {
      askedAt.push(clock.now());
      return await attempt(signal);
    },
    { clock, signal: stop.signal, saw: ({ text }) => void saw.push(text), soon: soon.signal },
  );
  result.catch(() => {});
  return { clock, stop, soon, saw, askedAt, result };
}

const no: Attempt<string> = async () => ({ seen: 'no' });

test('polls every 20 ms at first, later every half second', async () => {
  const { clock, askedAt, stop } = asking(no);
  await clock.advance(120_000);
  stop.abort();
  const gaps = askedAt.slice(1).map((at, i) => at - (askedAt[i] ?? 0));
  expect(new Set(gaps.slice(0, 149))).toEqual(new Set([20]));
  expect(Math.max(...gaps)).toBe(500);
  expect(gaps.at(-1)).toBe(500);
  expect(gaps.toSorted((a, b) => a - b)).toEqual(gaps);
  expect(askedAt.length).toBeLessThan(650);
});

test('once it is told that success is near, it asks at once, and often for a while', async () => {
  const { clock, askedAt, soon, stop } = asking(no);
  await clock.advance(120_000);
  const before = askedAt.length;
  soon.abort();
  await clock.advance(60_000);
  stop.abort();
  const after = askedAt.slice(before);
  expect(after[0]).toBe(120_000);
  const gaps = after.slice(1).map((at, i) => at - (after[i] ?? 0));
  expect(new Set(gaps.slice(0, 149))).toEqual(new Set([20]));
  expect(gaps.at(-1)).toBe(500);
  expect(clock.pending()).toBe(0);
});

test('the first success ends it at once', async () => {
  let asked = 0;
  const { clock, result, askedAt } = asking(async () =>
    (asked += 1) < 3 ? { seen: 'not yet' } : { done: 'yes' },
  );
  await clock.advance(1_000);
  expect(await result).toBe('yes');
  expect(askedAt).toEqual([0, 20, 40]);
  expect(clock.pending()).toBe(0);
});

test('errors count as "not yet", in readable words', async () => {
  const errors = [
    Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }),
    Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
    new SyntaxError('Unexpected end of JSON input'),
  ];
  const { clock, saw, result } = asking(async () => {
    const error = errors.shift();
    if (error !== undefined) throw error;
    return { done: 'yes' };
  });
  await clock.advance(100);
  await result;
  expect(saw).toEqual(['connection refused', 'connection reset', 'Unexpected end of JSON input']);
});

test('a DynamoError ends it at once', async () => {
  const error = new DynamoError('not-ready', 'wrong answer');
  const { clock, result } = asking(async () => await Promise.reject(error));
  await clock.advance(0);
  await expect(result).rejects.toBe(error);
});

test('it ends with the reason of the signal: between polls, during one, and before the first', async () => {
  const between = asking(no);
  await between.clock.advance(10);
  between.stop.abort('enough');
  await expect(between.result).rejects.toBe('enough');
  expect(between.clock.pending()).toBe(0);

  const during = asking(async (signal) => {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('hung up'))));
    return { done: 'never' };
  });
  await during.clock.advance(10);
  during.stop.abort('enough');
  await expect(during.result).rejects.toBe('enough');

  const gone = AbortSignal.abort('enough');
  await expect(poll(no, { clock: virtualClock(), signal: gone, saw: () => {} })).rejects.toBe('enough');
});

test('a success after the end does not count', async () => {
  const { clock, stop, result } = asking(async () => {
    await Promise.resolve();
    stop.abort('enough');
    return { done: 'yes' };
  });
  await clock.advance(10);
  await expect(result).rejects.toBe('enough');
});
