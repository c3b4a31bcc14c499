/** The keys of NVIDIA's planner, as etcd's JSON gateway answers. */
import { expect, test } from 'vitest';
import { wishIn } from '../../../src/infra/planner-keys.ts';

const base64 = (words: string): string => Buffer.from(words).toString('base64');

function kv(name: string, value: string, revision: number) {
  return {
    key: base64(`v1/dynamo/planner/${name}`),
    value: base64(value),
    mod_revision: String(revision),
    lease: '7',
  };
}

test('a decision is known by its own key, which is written last', () => {
  const numbers = [kv('num_decode_workers', '2', 15), kv('num_prefill_workers', '1', 14)];
  expect(wishIn('v1/dynamo/planner/', numbers)).toBeUndefined();
  expect(wishIn('v1/dynamo/planner/', [kv('decision_id', '0', 16), ...numbers])).toEqual({
    decision: 0,
    revision: 16,
    prefill: 1,
    decode: 2,
    acknowledged: false,
  });
});

function isDone(done: string): boolean | undefined {
  const keys = [kv('decision_id', '3', 30), kv('scaled_decision_id', done, 31)];
  return wishIn('v1/dynamo/planner/', keys)?.acknowledged;
}

test('it is acknowledged by the same number or a higher one', () => {
  expect(['2', '3', '4'].map(isDone)).toEqual([false, true, true]);
});

test('nothing there, and what is no number, are no decision', () => {
  expect(wishIn('v1/dynamo/planner/', undefined)).toBeUndefined();
  expect(wishIn('v1/dynamo/planner/', [kv('decision_id', 'x', 16)])).toBeUndefined();
  expect(
    wishIn('v1/dynamo/planner/', [kv('decision_id', '1', 16), kv('num_decode_workers', '-1', 15)]),
  ).toMatchObject({
    decode: undefined,
  });
});
