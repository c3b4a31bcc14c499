import { expect, test } from 'vitest';
import { eventSubject, followNats, natsEvents, partsOf } from '../../../src/sim/kv-events.ts';
import { type Nats, natsSettings } from '../../../src/sim/nats-connection.ts';
import { metrics } from '../../../src/sim/metrics.ts';
import { router } from '../../../src/sim/router.ts';

test('a large change is split, an empty one sends nothing', () => {
  const change = { stored: ['a', 'b', 'c'], removed: ['d', 'e'] };
  expect(partsOf(change, 2)).toEqual([
    { stored: ['a', 'b'], removed: [] },
    { stored: ['c'], removed: [] },
    { stored: [], removed: ['d', 'e'] },
  ]);
  expect(partsOf({ stored: [], removed: [] }, 2)).toEqual([]);
});

test('a subject has the scope of upstream, without special characters of NATS', () => {
  const scope = 'namespace.n.component.backend.endpoint.generate';
  expect(eventSubject(['n', 'backend', 'generate'], 255n)).toBe(`${scope}.kv-events.ff`);
  expect(eventSubject(['a b*>', 'c', 'e'], 1n)).toBe('namespace.a_b__.component.c.endpoint.e.kv-events.1');
});

/** Delivers at once, like a single server. */
function oneServer() {
  const listeners = new Map<string, Set<(text: string) => void>>();
  const returns = new Set<() => void>();
  const nats: Nats = {
    publish: (subject, text) => listeners.get(subject)?.forEach((listener) => listener(text)),
    subscribe: (subject, onText) => {
      const set = listeners.get(subject) ?? new Set();
      listeners.set(subject, set.add(onText));
      return () => void set.delete(onText);
    },
    onReturn: (run) => {
      returns.add(run);
      return () => void returns.delete(run);
    },
    flush: async () => {},
    close: async () => {},
  };
  return { nats, comeBack: () => returns.forEach((run) => run()) };
}

function listeningRouter() {
  const told: string[] = [];
  return {
    told,
    router: {
      ...router('kv', metrics()),
      learn: (id: string, change: { stored: readonly string[]; removed: readonly string[] }): void =>
        void told.push(`${id} +${change.stored.join('')} -${change.removed.join('')}`),
      forget: (id: string): void => void told.push(`${id} forgotten`),
    },
  };
}

test('a subscriber gets everything first, then changes, and everything again after a reconnect', () => {
  const { nats, comeBack } = oneServer();
  const { told, router: listening } = listeningRouter();
  const held = ['a', 'b'];
  const events = natsEvents(nats, 's', () => held);
  const stop = new AbortController();
  followNats(nats, { subject: 's', worker: '7' }, listening, stop.signal);
  expect(told.splice(0)).toEqual(['7 forgotten', '7 +ab -']);
  events.publish({ stored: ['c'], removed: ['a'] });
  expect(told.splice(0)).toEqual(['7 +c -', '7 + -a']);
  comeBack();
  expect(told.splice(0).slice(-2)).toEqual(['7 forgotten', '7 +ab -']);
  stop.abort();
  expect(told.splice(0)).toEqual(['7 forgotten']);
  events.publish({ stored: ['d'], removed: [] });
  expect(told).toEqual([]);
});

test.each([
  [{}, { servers: ['localhost:4222'] }],
  [{ NATS_SERVER: 'nats://a:1, b:2,' }, { servers: ['a:1', 'b:2'] }],
  [{ NATS_SERVER: 'tls://a' }, { servers: ['a:4222'], tls: {} }],
  [{ NATS_SERVER: 'nats://u:p%40@a' }, { servers: ['a:4222'], user: 'u', pass: 'p@' }],
  [{ NATS_SERVER: 'nats://word@a' }, { servers: ['a:4222'], token: 'word' }],
  [{ NATS_AUTH_TOKEN: 'word' }, { servers: ['localhost:4222'], token: 'word' }],
  [
    { NATS_AUTH_USERNAME: 'u', NATS_AUTH_PASSWORD: 'p' },
    { servers: ['localhost:4222'], user: 'u', pass: 'p' },
  ],
])('%j is %j', (env, settings) => {
  expect(natsSettings(env)).toEqual(settings);
});
