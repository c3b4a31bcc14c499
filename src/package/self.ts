/** How this program starts itself, and its shipped files: as a package, or as a single-file executable. */
import type { Environment } from '../base/environment.ts';
import { dirname, join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { randomUUID } from 'node:crypto';
import { makePrivate, stateFolder } from '../run/folders.ts';

type Command = readonly [program: string, ...words: string[]];

/** The first argument that makes the executable run as the embedded engine. */
export const simWord = '--sim';

/** The command that starts `dynamo` in another process; a verb and its arguments follow. */
export function ownCommand(): Command {
  if (isSea()) return [process.execPath];
  return [process.execPath, join(packageRoot(), 'bin', 'dynamo.js')];
}

/** The program that a keeper runs when its supervisor has died; `undefined` if it is part of the executable. */
export function reapProgram(): string | undefined {
  return isSea() ? undefined : join(packageRoot(), 'dist', 'reap.js');
}

/** The command that starts the embedded engine; its role and flags follow. */
export function simCommand(): Command {
  if (isSea()) return [process.execPath, simWord];
  return [process.execPath, join(packageRoot(), 'dist', 'sim.js')];
}

/**
 * The folder with `launch-profiles` and `assets`; the executable unpacks them into the state folder. Throws `cannot-write` if
 * that fails.
 */
export function shippedFolder(environment: Environment): string {
  return isSea() ? unpackedFolder(stateFolder(environment)) : packageRoot();
}

/** A file of the page that `dynamo ui` serves. Throws the error of the system if it is missing. */
export function pageAsset(name: string): Uint8Array {
  if (isSea()) return new Uint8Array(getAsset(`page/${name}`));
  return readFileSync(join(packageRoot(), 'dist', 'page', name));
}

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) return process.cwd();
    folder = parent;
  }
  return folder;
}

/** Written by scripts/build-binary.js. */
interface Shipped {
  /** Digest of names and contents, so that two builds only share a folder if they ship the same files. */
  readonly digest: string;
  readonly files: readonly string[];
}

/** By state folder. */
const unpacked = new Map<string, string>();

/**
 * The folder with the files inside the executable, unpacked for programs that read files, such as Python. Repairs what an
 * interrupted command or a user has changed. Throws `cannot-write` if it cannot be created.
 */
function unpackedFolder(state: string): string {
  const known = unpacked.get(state) ?? unpack(state);
  unpacked.set(state, known);
  return known;
}

function unpack(state: string): string {
  const { digest, files } = JSON.parse(getAsset('shipped.json', 'utf8')) as Shipped;
  const folder = join(state, 'shipped', digest);
  for (const name of files) put(join(folder, name), new Uint8Array(getAsset(name)));
  return folder;
}

function put(file: string, wanted: Uint8Array): void {
  if (holds(file, wanted)) return;
  makePrivate(dirname(file));
  // Atomic: readers see the old file or the new one.
  const fresh = `${file}.${randomUUID()}.new`;
  writeFileSync(fresh, wanted, { mode: 0o600 });
  renameSync(fresh, file);
}

function holds(file: string, wanted: Uint8Array): boolean {
  try {
    return readFileSync(file).equals(wanted);
  } catch {
    return false;
  }
}
