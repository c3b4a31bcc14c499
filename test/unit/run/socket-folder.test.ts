/** The folder for control sockets: ours alone, whatever others put in its place. */
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { stateFolderPaths } from '../../../src/run/folders.ts';
import { placeSocket } from '../../../src/run/socket-folder.ts';
import { mayRun } from '../../support/may-run.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** Where the socket of a run would be with this runtime folder. */
function placed(runtime: string): string {
  const environment = { XDG_STATE_HOME: tempFolder(), XDG_RUNTIME_DIR: runtime };
  return placeSocket(stateFolderPaths(environment), environment, 'agg-abcd');
}

/** Not in the runtime folder, which is also a test folder in /tmp. */
const elsewhere = new RegExp(`^/tmp/dynamo-${process.getuid?.()}(/dynamo|-\\w{6})/agg-abcd\\.sock$`);

function isOursAlone(folder: string): boolean {
  const stat = lstatSync(folder);
  return stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0;
}

test('the runtime folder of the user is used, and closed to others', () => {
  const runtime = tempFolder();
  expect(placed(runtime)).toBe(join(runtime, 'dynamo', 'agg-abcd.sock'));
  chmodSync(join(runtime, 'dynamo'), 0o777);
  expect(placed(runtime)).toBe(join(runtime, 'dynamo', 'agg-abcd.sock'));
  expect(isOursAlone(join(runtime, 'dynamo'))).toBe(true);
});

test.each([
  ['is not there', () => join(tempFolder(), 'none')],
  ['is a relative path', () => 'run'],
  ['is empty', () => ''],
  ['is too long for a socket', () => join(tempFolder(), 'x'.repeat(80))],
])('a runtime folder that %s is not used, and not written to', (_, make) => {
  const runtime = make();
  const socket = placed(runtime);
  expect(socket).toMatch(elsewhere);
  expect(isOursAlone(dirname(socket))).toBe(true);
  if (runtime.startsWith('/')) expect(existsSync(runtime)).toBe(false);
});

test('a symbolic link in its place is not followed', () => {
  const [runtime, target] = [tempFolder(), tempFolder()];
  chmodSync(target, 0o755);
  symlinkSync(target, join(runtime, 'dynamo'));
  expect(placed(runtime)).toMatch(elsewhere);
  expect(lstatSync(target).mode & 0o777).toBe(0o755);
  expect(readdirSync(target)).toEqual([]);
});

test('a folder writable by others is not used', () => {
  const runtime = join(tempFolder(), 'open');
  mkdirSync(runtime);
  chmodSync(runtime, 0o777);
  expect(placed(runtime)).toMatch(elsewhere);
});

test.runIf(mayRun(process.getuid?.() === 0))('neither is a folder of another user', () => {
  const [foreign, mine] = [tempFolder(), tempFolder()];
  chownSync(foreign, 12_345, 12_345);
  mkdirSync(join(mine, 'dynamo'), { mode: 0o700 });
  chownSync(join(mine, 'dynamo'), 12_345, 12_345);
  for (const runtime of [foreign, mine]) expect(placed(runtime)).toMatch(elsewhere);
  expect(readdirSync(foreign)).toEqual([]);
});
