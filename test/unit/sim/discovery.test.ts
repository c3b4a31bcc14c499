import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { encodeKey, fileDiscovery } from '../../../src/sim/file-discovery.ts';
import { instanceJson, instanceKey, newInstanceId, parseInstance } from '../../../src/sim/discovery.ts';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sim-discovery-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test('a key is one file name, percent-encoded as in upstream', () => {
  expect(encodeKey('dynamo/backend/generate/1a2b')).toBe('dynamo%2Fbackend%2Fgenerate%2F1a2b');
  expect(decodeURIComponent(encodeKey('a_b-c.d/é'))).toBe('a_b-c.d/é');
});

test('ids are beyond 2^53 and stay exact in both directions', () => {
  const id = newInstanceId();
  expect(id > 2n ** 53n).toBe(true);
  const instance = {
    namespace: 'n',
    component: 'c',
    endpoint: 'generate',
    id: String(id),
    tcp: '127.0.0.1:1/x/generate',
  };
  const text = instanceJson(instance);
  expect(text).toContain(`"instance_id":${id},`);
  expect(parseInstance(text)).toEqual(instance);
});

test.each(['', '{', 'null', '[]', '{"namespace":"n"}', '{"transport":null}'])(
  '%j is not an instance',
  (text) => {
    expect(parseInstance(text)).toBeUndefined();
  },
);

test('one sees what the other publishes, until it closes', async () => {
  const root = folder();
  const [owner, watcher] = [fileDiscovery(root), fileDiscovery(root)];
  onTestFinished(() => watcher.close());
  const seen: string[][] = [];
  const changed = { resolve: () => {} };
  const next = () => new Promise<void>((resolve) => (changed.resolve = resolve));
  watcher.watch('instances', (entries) => {
    seen.push([...entries.keys()]);
    changed.resolve();
  });
  const key = instanceKey('n', 'backend', 'generate', 255n);
  const appeared = next();
  await owner.publish('instances', key, '{}');
  await appeared;
  const gone = next();
  await owner.close();
  await gone;
  expect(seen).toEqual([[], ['n/backend/generate/ff'], []]);
  expect(readdirSync(join(root, 'v1', 'instances'))).toEqual([]);
});
