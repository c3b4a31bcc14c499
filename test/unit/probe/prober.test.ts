/** Which workers the frontend knows. */
import { expect, test } from 'vitest';
import { instancesText } from '../../../src/supervisor/failure.ts';
import { instancesIn, missingInstances, unexpectedInstances } from '../../../src/probe/prober.ts';

/** As upstream writes it: ids exceed 2^53, and there are other endpoints besides `generate`. */
const body = `{"status":"healthy","endpoints":["dyn://dynamo.backend.generate"],"instances":[
  {"component":"backend","endpoint":"generate","instance_id":7587889683284143912,"namespace":"dynamo","transport":{"tcp":"127.0.0.1:40000"}},
  {"component":"backend","endpoint":"generate","instance_id":7587889683284143913,"namespace":"dynamo"},
  {"component":"backend","endpoint":"clear_kv_blocks","instance_id":7587889683284143912,"namespace":"dynamo"},
  {"component":"backend","endpoint":"generate","instance_id":1,"namespace":"other"},
  {"component":"prefill","endpoint":"generate","instance_id":2,"namespace":"dynamo"}]}`;

const expected = (component: string, count: number, namespace = 'dynamo') => ({
  namespace,
  component,
  endpoint: 'generate',
  count,
});

test('ids beyond 2^53 that round to one number are still two instances', () => {
  expect(Number('7587889683284143912')).toBe(Number('7587889683284143913'));
  expect(missingInstances([expected('backend', 2)], instancesIn(body))).toEqual([]);
});

test('only expected endpoints, components and namespaces count', () => {
  const instances = instancesIn(body);
  expect(missingInstances([expected('backend', 3)], instances)).toEqual([
    { place: 'dynamo.backend.generate', known: 2, planned: 3 },
  ]);
  expect(missingInstances([expected('backend', 1, 'other')], instances)).toEqual([]);
  expect(missingInstances([expected('prefill', 1, 'other')], instances)).toEqual([
    { place: 'other.prefill.generate', known: 0, planned: 1 },
  ]);
});

test('names everything that is missing', () => {
  const all = [expected('prefill', 2), expected('backend', 2), expected('encode', 1)];
  expect(instancesText(missingInstances(all, instancesIn(body)))).toBe(
    '1 of 2 in dynamo.prefill.generate, 0 of 1 in dynamo.encode.generate',
  );
});

test.each(['{}', 'null', '[]', '7', '{"instances":null}', '{"instances":[null,1,{"component":"x"}]}'])(
  'a body without instances has none: %s',
  (text) => expect(instancesIn(text)).toEqual([]),
);

test('names workers in unexpected places, but not other endpoints', () => {
  const instances = instancesIn(body);
  expect(unexpectedInstances([expected('backend', 1)], instances)).toEqual([
    'other.backend.generate',
    'dynamo.prefill.generate',
  ]);
  expect(unexpectedInstances([], instances)).toEqual([]);
});
