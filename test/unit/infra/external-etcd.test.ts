/** Which keys belong to a run. */
import { expect, test } from 'vitest';
import { isOf } from '../../../src/infra/external-etcd.ts';

test.each([
  ['v1/instances/dynamo-abcd/backend/generate/1a', true],
  ['v1/mdc/dynamo-abcd/backend/generate/1a', true],
  ['v1/event_channels/dynamo-abcd//kv_metrics/1a', true],
  ['v1/event_sources/namespace/dynamo-abcd/component/backend/endpoint/generate/topic/kv-events/1', true],
  ['v1/launcher/dynamo-abcd/trial', true],
  ['v1/dynamo-abcd/planner/num_prefill_workers', true],
  ['v1/dynamo-abcd/anything', true],
  ['v1/dynamo-abcde/planner/decision_id', false],
  ['v1/dynamo/planner/dynamo-abcd', false],
  ['v1/dynamo-abcd', false],
  ['v1/instances/dynamo/backend/generate/1a', false],
  ['v1/instances/dynamo-abcde/backend/generate/1a', false],
  ['v1/instances/other/dynamo-abcd/generate/1a', false],
  ['v1/event_sources/namespace/dynamo/component/dynamo-abcd', false],
  ['v2/instances/dynamo-abcd/x', false],
  ['dynamo-abcd', false],
])('%s: %s', (key, own) => {
  expect(isOf('dynamo-abcd', key)).toBe(own);
});

test('a namespace named like a bucket of upstream matches no other keys', () => {
  expect(isOf('instances', 'v1/instances/dynamo/backend/generate/1a')).toBe(false);
  expect(isOf('instances', 'v1/instances/instances/backend/generate/1a')).toBe(true);
});
