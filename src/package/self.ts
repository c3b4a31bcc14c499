/** How this program calls itself, and where the files are that ship with it: as a package, or as one executable file. */
import type { Environment } from '../base/environment.ts';
import { dirname, join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { randomUUID } from 'node:crypto';
import { makePrivate, stateFolder } from '../run/folders.ts';

type Command = readonly [program: string, ...words: string[]];

/** First word with which the executable is the embedded engine, no command line. */
export const simWord = '--sim';

/** Starts `dynamo` in another process; a verb and its words follow. */
export function ownCommand(): Command {
  if (isSea()) return [process.execPath];
  return [process.execPath, join(packageRoot(), 'bin', 'dynamo.js')];
}

/** What a keeper runs when its supervisor is dead; `undefined` where the executable itself does it. */
export function reapProgram(): string | undefined {
  return isSea() ? undefined : join(packageRoot(), 'dist', 'reap.js');
}

/** Starts the embedded engine; its role and flags follow. */
export function simCommand(): Command {
  if (isSea()) return [process.execPath, simWord];
  return [process.execPath, join(packageRoot(), 'dist', 'sim.js')];
}

/**
 * Holds `launch-profiles` and `assets`; the executable puts them into the state folder. Throws `cannot-write` when it cannot.
 */
export function shippedFolder(environment: Environment): string {
  return isSea() ? unpackedFolder(stateFolder(environment)) : packageRoot();
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
  /** Of names and contents, so that two builds never share a folder unless they ship the same. */
  readonly digest: string;
  readonly files: readonly string[];
}

/** By state folder. */
const unpacked = new Map<string, string>();

/**
 * Returns the folder that holds them, complete and as they were built, whatever an interrupted command or anybody else
 * made of it before. Throws `cannot-write` when it cannot be made.
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
  // Others read while we write: they see the old file or the new one, never half of it.
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

/** The version of this package, written into the bundle when it is built. */
declare const DYNAMO_VERSION: string | undefined;

export const version = typeof DYNAMO_VERSION === 'undefined' ? '0.0.0-source' : DYNAMO_VERSION;
