import { describe, expect, test } from 'vitest';
import { etcdSettings } from '../../../src/sim/etcd-gateway.ts';
import { applyEvents, encode, entriesOf, rangeOf } from '../../../src/sim/etcd-watch.ts';

const prefix = 'v1/mdc/';
const kv = (key: string, value?: string) => ({
  key: encode(`${prefix}${key}`),
  ...(value && { value: encode(value) }),
});

test('a range covers exactly its prefix', () => {
  expect(rangeOf(prefix)).toEqual({ key: encode('v1/mdc/'), range_end: encode('v1/mdc0') });
});

test('entries come without the prefix; an omitted value is empty', () => {
  expect(entriesOf({ kvs: [kv('n/b/e/1', 'één'), kv('n/b/e/2')] }, prefix)).toEqual(
    new Map([
      ['n/b/e/1', 'één'],
      ['n/b/e/2', ''],
    ]),
  );
  expect(entriesOf({}, prefix).size).toBe(0);
});

describe('the events of a watch', () => {
  const before = new Map([
    ['a', '1'],
    ['b', '1'],
  ]);

  test('puts and deletes apply in order, to a copy', () => {
    const events = [{ kv: kv('c', '1') }, { type: 'DELETE', kv: kv('a') }, { kv: kv('b', '2') }];
    expect(applyEvents(before, { result: { events } }, prefix)).toEqual(
      new Map([
        ['b', '2'],
        ['c', '1'],
      ]),
    );
    expect(before.get('a')).toBe('1');
    expect(applyEvents(before, { result: {} }, prefix)).toEqual(before);
  });

  test.each([
    [
      { result: { canceled: true, cancel_reason: 'mvcc: required revision has been compacted' } },
      'compacted',
    ],
    [{ error: { message: 'etcdserver: no leader' } }, 'no leader'],
    [{}, 'cancelled the watch'],
  ])('%j ends it', (answer, reason) => {
    expect(() => applyEvents(before, answer, prefix)).toThrow(reason);
  });
});

describe('settings', () => {
  test('have the defaults of upstream', () => {
    expect(etcdSettings({})).toEqual({
      endpoints: ['http://localhost:2379'],
      username: undefined,
      password: undefined,
      tls: {},
      leaseSeconds: 10,
    });
  });

  test('endpoints are a list, with or without a scheme', () => {
    const { endpoints } = etcdSettings({ ETCD_ENDPOINTS: 'a:1, https://b:2/ ,,' });
    expect(endpoints).toEqual(['http://a:1', 'https://b:2']);
  });

  test.each([
    ['3', 3],
    ['0', 10],
    ['x', 10],
    ['2.7', 2],
  ])('a lease of %j is one of %d seconds', (text, seconds) => {
    expect(etcdSettings({ ETCD_LEASE_TTL: text }).leaseSeconds).toBe(seconds);
  });
});
