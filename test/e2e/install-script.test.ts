/** The install script of a release, against a file server: it installs what SHA256SUMS lists, and nothing else. */
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { type Ended, packageFolder, startCommand } from './harness/cli.ts';
import { standIn, test, type World } from './harness/world.ts';

const executable = '#!/bin/sh\necho 9.9.9\n';
const name = `dynamo-linux-${process.arch}.gz`;
const sum = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

interface Served {
  readonly files: Map<string, Uint8Array>;
  readonly address: string;
}

/** A release with this one executable, while `use` runs. */
async function withRelease(use: (release: Served) => Promise<void>): Promise<void> {
  const zipped = gzipSync(executable);
  const files = new Map<string, Uint8Array>([
    [name, zipped],
    ['SHA256SUMS', Buffer.from(`${sum(zipped)}  ${name}\n${'0'.repeat(64)}  another.gz\n`)],
  ]);
  const server = createServer((request, response) => {
    const file = files.get(request.url?.slice(1) ?? '');
    response.writeHead(file === undefined ? 404 : 200).end(file);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use({ files, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  } finally {
    server.close();
  }
}

async function install(world: World, env: Readonly<Record<string, string>>): Promise<Ended> {
  for (const tool of ['uname', 'gzip', 'sha256sum', 'mktemp', 'rm', 'chmod', 'cp', 'mv']) {
    const link = join(world.bin, tool);
    if (!existsSync(link)) symlinkSync(join('/usr/bin', tool), link);
  }
  return await startCommand(world, ['sh', join(packageFolder, 'scripts/install.sh')], { env }).ended;
}

const placeOf = (world: World): string => join(world.env['HOME'] ?? '', '.local/bin');

test('installs the executable into ~/.local/bin, replaces an older one, and leaves no files', async ({
  world,
}) => {
  await withRelease(async ({ address }) => {
    mkdirSync(placeOf(world), { recursive: true });
    writeFileSync(join(placeOf(world), 'dynamo'), 'older');
    const { code, stdout, stderr } = await install(world, { DYNAMO_RELEASE: address });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`installed dynamo 9.9.9 as ${placeOf(world)}/dynamo (SHA-256 matches)`);
    expect(stdout).toContain(`export PATH="${placeOf(world)}:$PATH"`);
    expect(readdirSync(placeOf(world))).toEqual(['dynamo']);
    expect(readFileSync(join(placeOf(world), 'dynamo'), 'utf8')).toBe(executable);
    expect(readdirSync(world.temporary)).toEqual([]);
  });
});

test('installs nothing whose checksum differs, is not listed, or cannot be had', async ({ world }) => {
  await withRelease(async ({ address, files }) => {
    const attempt = async (): Promise<string> => {
      const { code, stderr } = await install(world, { DYNAMO_RELEASE: address });
      expect({ code, installed: existsSync(placeOf(world)) }, stderr).toEqual({ code: 69, installed: false });
      return stderr;
    };
    const good = files.get(name);
    files.set(name, gzipSync('#!/bin/sh\necho evil\n'));
    expect(await attempt()).toMatch(/is not the file that SHA256SUMS lists; nothing was installed\.\nfix: /);
    if (good !== undefined) files.set(name, good);
    files.set('SHA256SUMS', Buffer.from(`${'0'.repeat(64)}  x${name}\n`));
    expect(await attempt()).toContain(`does not list ${name}`);
    files.delete('SHA256SUMS');
    expect(await attempt()).toContain('/SHA256SUMS could not be downloaded');
  });
});

test('refuses another system, and a copy that knows no release', async ({ world }) => {
  // Before the tools are there: a stand-in must not be written through the link to a real one.
  standIn(world, 'uname', '#!/bin/sh\n[ "$1" = -s ] && echo Linux || echo riscv64\n');
  const without = await install(world, {});
  expect(without).toMatchObject({ code: 64, stderr: expect.stringContaining('knows no release') });
  const other = await install(world, { DYNAMO_RELEASE: 'http://127.0.0.1:9' });
  expect(other).toMatchObject({ code: 78, stderr: expect.stringContaining('no executable for riscv64') });
});
