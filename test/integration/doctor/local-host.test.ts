/** The view of the real host: files, HTTP and sockets, in good and bad cases. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { localFiles, localNetwork } from '../../../src/doctor/local-host.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { serve } from '../../support/http-server.ts';
import { tempFolder } from '../../support/temp-folder.ts';

async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Sends a line and disconnects; a client may disconnect first. */
function talking(text: string): Server {
  return createServer((socket) => socket.on('error', () => socket.destroy()).end(text));
}

test('existing files, missing files, and dangling links', async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'a'), 'text');
  symlinkSync('/nowhere', join(folder, 'link'));
  mkdirSync(join(folder, 'sub'));
  expect(await localFiles.read(join(folder, 'a'))).toBe('text');
  expect(await localFiles.read(join(folder, 'b'))).toBeUndefined();
  expect(await localFiles.read(join(folder, 'a', 'below'))).toBeUndefined();
  expect([...(await localFiles.list(folder))].toSorted()).toEqual(['a', 'link', 'sub']);
  expect(await localFiles.list(join(folder, 'b'))).toEqual([]);
  expect(await localFiles.stat(join(folder, 'a'))).toMatchObject({ sizeBytes: 4, isFolder: false });
  expect(await localFiles.stat(join(folder, 'sub'))).toMatchObject({ isFolder: true });
  expect(await localFiles.stat(join(folder, 'link'))).toBeUndefined();
  expect(await localFiles.isWritable(folder)).toBe(true);
  expect((await localFiles.space(folder))?.totalBytes).toBeGreaterThan(0);
  expect(await localFiles.space(join(folder, 'b'))).toBeUndefined();
});

test('an unreadable file rejects, so that the check counts as not made', async () => {
  await expect(localFiles.read(tempFolder())).rejects.toThrow('EISDIR');
});

test('a request with method, headers and body; a redirect is not followed', async () => {
  const { url } = await serve((request, response) => {
    response.writeHead(302, { 'x-error-code': 'GatedRepo', location: '/elsewhere' });
    response.end(`${request.method} ${request.url} ${request.headers.authorization}`);
  });
  const reply = await localNetwork.request(`${url}/x`, {
    method: 'POST',
    headers: { authorization: 'B t' },
    body: '{}',
  });
  expect([reply.status, reply.header('x-error-code'), reply.body]).toEqual([302, 'GatedRepo', 'POST /x B t']);
});

test('no server, and a server that does not answer', async () => {
  const port = await freePort();
  await expect(localNetwork.request(`http://127.0.0.1:${port}/`)).rejects.toThrow(/^ECONNREFUSED$/);
  const { url } = await serve(() => {});
  await expect(localNetwork.request(url, { timeoutMs: 100 })).rejects.toThrow('no answer within 0.1 s');
  expect(await localNetwork.connect('127.0.0.1', port)).toBe('ECONNREFUSED');
  await expect(localNetwork.firstLine('127.0.0.1', port)).rejects.toThrow('ECONNREFUSED');
});

test('the first line of a server, and a server that sends none', async () => {
  const talks = await listen(talking('INFO {}\r\nmore\n'));
  expect(await localNetwork.firstLine('127.0.0.1', talks)).toBe('INFO {}');
  expect(await localNetwork.connect('127.0.0.1', talks)).toBeUndefined();
  const mute = await listen(talking(''));
  await expect(localNetwork.firstLine('127.0.0.1', mute)).rejects.toThrow('without a message');
});

test('a port with a listener on loopback cannot be bound on all addresses; a free one can, twice', async () => {
  const taken = await listen(createServer());
  expect(await localNetwork.bind('0.0.0.0', taken)).toBe('EADDRINUSE');
  const free = await freePort();
  expect(await localNetwork.bind('127.0.0.1', free)).toBeUndefined();
  expect(await localNetwork.bind('127.0.0.1', free)).toBeUndefined();
});
