/** Ports: requested ones are used or refused, others move on, none is assigned twice. */
import { expect, test } from 'vitest';
import { chooseHttpPort, firstPort, lastPort, portPool, portRange } from '../../../src/plan/ports.ts';

const all = portRange({});

test('a requested port that is busy is refused, naming its process', () => {
  const busy = new Map([[8080, 'pid 912 (node server.js)']]);
  expect(() => chooseHttpPort({ asked: 8080, preferred: 8000, busy })).toThrow(
    expect.objectContaining({
      code: 'busy',
      message: '--http-port 8080: the port is in use by pid 912 (node server.js).',
      hint: expect.stringContaining('stop pid 912 (node server.js)'),
    }),
  );
  expect(chooseHttpPort({ asked: 8081, preferred: 8000, busy })).toEqual({ port: 8081, choices: [] });
});

test('the default port moves to the next free one and says why', () => {
  const busy = new Map([
    [8000, 'run agg-1234'],
    [8001, 'another process'],
  ]);
  expect(chooseHttpPort({ asked: undefined, preferred: 8000, busy })).toEqual({
    port: 8002,
    choices: [{ what: 'http port', value: '8002', because: '8000 is in use by run agg-1234' }],
  });
  expect(chooseHttpPort({ asked: undefined, preferred: 9000, busy })).toEqual({ port: 9000, choices: [] });
});

test('the next free port is always valid', () => {
  const busy = new Map([[65_535, 'somebody']]);
  const { port } = chooseHttpPort({ asked: undefined, preferred: 65_535, busy });
  expect(port).toBeGreaterThan(0);
  expect(port).toBeLessThan(65_535);
});

test('the pool returns each free port once, and then none', () => {
  const free = new Set([firstPort, 20_000, lastPort]);
  const pool = portPool('any', (port) => !free.has(port), portRange({}));
  const taken = [pool.take(), pool.take(), pool.take()];
  expect(new Set(taken)).toEqual(free);
  expect(() => pool.take()).toThrow(expect.objectContaining({ code: 'busy' }));
});

test('the pool never returns a reserved port', () => {
  const first = portPool('seed', () => false, all).take();
  expect(portPool('seed', () => false, all, [first]).take()).not.toBe(first);
});

test('runs with different ids start at different ports', () => {
  const starts = ['agg-aaaa', 'agg-aaab', 'agg-baaa', 'disagg-aaaa'].map((seed) =>
    portPool(seed, () => false, all).take(),
  );
  expect(new Set(starts).size).toBe(4);
});

test('DYNAMO_PORTS narrows the range, and errors explain its format', () => {
  const pool = portPool('any', () => false, portRange({ DYNAMO_PORTS: '12000-12001' }));
  expect(new Set([pool.take(), pool.take()])).toEqual(new Set([12_000, 12_001]));
  expect(() => pool.take()).toThrow('No free port between 12000 and 12001.');
  expect(portRange({ DYNAMO_PORTS: '' })).toEqual(portRange({}));
});

test.each(['12000', '12001-12000', '80-90', '12000-40000', 'a-b'])('DYNAMO_PORTS=%s is refused', (text) => {
  expect(() => portRange({ DYNAMO_PORTS: text })).toThrow(
    expect.objectContaining({ code: 'environment', message: expect.stringContaining(text) }),
  );
});
