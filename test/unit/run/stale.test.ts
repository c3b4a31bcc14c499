/** What is stale in the state folders, and what only seems to be. */
import { createServer } from 'node:net';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Identity } from '../../../src/base/identity.ts';
import { type Claim, claim } from '../../../src/run/claim.ts';
import type { StateFolders } from '../../../src/run/folders.ts';
import { checkClaims, removeStale, staleClaims, staleSockets } from '../../../src/run/stale.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const of = (runId: string, pid: number): Claim => ({
  runId,
  holder: { bootId: 'boot', pid, startTime: '7' },
});
const alive = ({ pid }: Identity): boolean => pid === 1 || pid === 9;
const everybody = (): boolean => true;

function folders(): StateFolders {
  return {
    runs: '',
    infra: '',
    names: tempFolder(),
    ports: tempFolder(),
    gpus: tempFolder(),
    sockets: tempFolder(),
  };
}

test('claims of dead runs are stale, with their holder; those of live runs are not', () => {
  const at = folders();
  claim(join(at.names, 'agg'), of('agg-dead', 2), everybody);
  claim(join(at.names, 'disagg'), of('disagg-live', 1), everybody);
  claim(join(at.gpus, 'GPU-1'), of('agg-dead', 2), everybody);
  writeFileSync(join(at.ports, '8000'), 'half a li');
  expect(staleClaims(at, alive)).toEqual([
    { kind: 'lock', file: join(at.names, 'agg'), proof: 'its holder, pid 2 of run agg-dead, is dead' },
    {
      kind: 'lease',
      file: join(at.ports, '8000'),
      proof: 'no live run can hold it, and it cannot be read (it is not valid JSON, or truncated)',
      isDamaged: true,
    },
    { kind: 'lease', file: join(at.gpus, 'GPU-1'), proof: 'its holder, pid 2 of run agg-dead, is dead' },
  ]);
});

test('a claim that a live run needs is kept, with the command that ends that run', () => {
  const at = folders();
  claim(join(at.gpus, 'GPU-1'), of('agg-dead', 2), everybody);
  writeFileSync(join(at.ports, '8000'), 'half a li');
  writeFileSync(join(at.ports, '8001'), '');
  const look = checkClaims(at, alive, {
    hasLiving: (runId) => runId === 'agg-dead',
    userOf: (file) => (file.endsWith('8000') ? 'disagg-live' : undefined),
  });
  expect(look.stale.map(({ file }) => file)).toEqual([join(at.ports, '8001')]);
  expect(look.kept.map(({ file, command }) => [file, command])).toEqual([
    [join(at.ports, '8000'), 'dynamo down disagg-live'],
    [join(at.gpus, 'GPU-1'), 'dynamo down agg-dead'],
  ]);
  for (const stale of look.stale) removeStale(stale, of('clean', 9), alive);
  expect(readdirSync(at.ports)).toEqual(['8000']);
});

test('a draft is stale if its writer is dead', () => {
  const at = folders();
  writeFileSync(join(at.names, `agg.${process.pid}.draft`), '');
  writeFileSync(join(at.names, 'agg.4999999.draft'), '');
  expect(staleClaims(at, alive).map(({ file }) => file)).toEqual([join(at.names, 'agg.4999999.draft')]);
});

test('a claim that a live run took over meanwhile is not removed', () => {
  const at = folders();
  const file = join(at.names, 'agg');
  claim(file, of('agg-dead', 2), everybody);
  const [stale] = staleClaims(at, alive);
  if (stale === undefined) throw new Error('nothing stale');
  claim(file, of('agg-new', 1), alive);
  removeStale(stale, of('clean', 9), alive);
  expect(existsSync(file)).toBe(true);
});

test('a dead claim is removed', () => {
  const at = folders();
  const file = join(at.ports, '8000');
  claim(file, of('agg-dead', 2), everybody);
  for (const stale of staleClaims(at, alive)) removeStale(stale, of('clean', 9), alive);
  expect(existsSync(file)).toBe(false);
});

test('a socket is stale if nothing listens on it', async () => {
  const at = folders();
  const [served, deserted] = [join(at.sockets, 'a.sock'), join(at.sockets, 'b.sock')];
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(served, resolve));
  onTestFinished(() => void server.close());
  // A regular file refuses connections like an abandoned socket, whose file is removed when a server closes.
  writeFileSync(deserted, '');
  expect((await staleSockets(at)).map(({ file }) => file)).toEqual([deserted]);
});
