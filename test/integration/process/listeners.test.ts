/** Which process listens on which port, from the kernel. */
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { foreignListeners, holderOf, listeningPorts } from '../../../src/process/ports.ts';
import { start } from '../../support/tree.ts';
import { until } from '../../support/until.ts';

async function listen(host: string): Promise<{ port: number; server: Server }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  onTestFinished(() => void server.close());
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

test.each(['127.0.0.1', '0.0.0.0', '::1', '::'])(
  'a listener on %s is detected with its process until it closes',
  async (host) => {
    const { port, server } = await listen(host);
    const inodes = listeningPorts().get(port) ?? [];
    expect(inodes).toHaveLength(1);
    expect(holderOf(inodes)).toMatch(new RegExp(`^pid ${process.pid} \\(.+\\)$`));
    await new Promise((resolve) => server.close(resolve));
    expect(listeningPorts().has(port)).toBe(false);
  },
);

test('a connection is not a listener', async () => {
  const { port } = await listen('127.0.0.1');
  expect(listeningPorts().get(port)).toHaveLength(1);
});

test('a listener without a visible process is described in words', () => {
  expect(holderOf(['1'])).toBe('a process that this user cannot see');
});

test('a listener is in the session of the child, in another one, or absent', async () => {
  const tree = await start([
    process.execPath,
    '-e',
    `const s = require('net').createServer().listen(0, '127.0.0.1', () => require('fs').writeFileSync(process.env.D + '/port', s.address().port + '\\n'))`,
  ]);
  const port = await until('the port', () => readNumber(join(tree.folder, 'port')));
  expect(foreignListeners(new Map([[port, tree.child.pid]]))).toEqual(new Map());
  const found = foreignListeners(new Map([[port, 2 ** 22 + 9]]));
  expect(found.get(port)).toMatch(new RegExp(`^pid ${tree.child.pid} \\(`));
  await tree.child.stop(5_000);
  expect(foreignListeners(new Map([[port, 2 ** 22 + 9]]))).toEqual(new Map());
  tree.expectNothingLeft();
});

test('a listener that dies during the look is nobody else', async () => {
  const program = `const s = require('net').createServer().listen(0, '127.0.0.1', () => require('fs').writeFileSync(process.env.D + '/port', s.address().port + '\\n'))`;
  for (let round = 0; round < 20; round++) {
    const tree = await start([process.execPath, '-e', program]);
    const port = await until('the port', () => readNumber(join(tree.folder, 'port')));
    process.kill(tree.child.pid, 'SIGKILL');
    const begin = performance.now();
    while (performance.now() - begin < 20)
      expect(foreignListeners(new Map([[port, tree.child.pid]]))).toEqual(new Map());
    await tree.child.stop(5_000);
    tree.expectNothingLeft();
  }
});

test('a child of the leader may be the listener', async () => {
  const program = `const s = require('net').createServer().listen(0, '127.0.0.1', () => require('fs').writeFileSync(process.env.D + '/port', s.address().port + '\\n'))`;
  const tree = await start(['/bin/sh', '-c', '"$0" -e "$1" & wait', process.execPath, program]);
  const port = await until('the port', () => readNumber(join(tree.folder, 'port')));
  expect(foreignListeners(new Map([[port, tree.child.pid]]))).toEqual(new Map());
  await tree.child.stop(5_000);
  tree.expectNothingLeft();
});

function readNumber(file: string): number | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return text.endsWith('\n') ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}
