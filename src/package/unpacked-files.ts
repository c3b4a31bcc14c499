/** The files inside the single-file executable, put on disk for everything that reads files, Python included. */
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { getAsset } from 'node:sea';
import { makePrivate, stateFolder } from '../run/folders.ts';

/** Written by scripts/build-binary.js. */
interface Shipped {
  /** Of names and contents, so that two builds never share a folder unless they ship the same. */
  readonly digest: string;
  readonly files: readonly string[];
}

let unpacked: string | undefined;

/**
 * Returns the folder that holds them, complete and as they were built, whatever an interrupted command or anybody else
 * made of it before. Throws `cannot-write` when it cannot be made.
 */
export function unpackedFolder(): string {
  unpacked ??= unpack();
  return unpacked;
}

function unpack(): string {
  const { digest, files } = JSON.parse(getAsset('shipped.json', 'utf8')) as Shipped;
  const folder = join(stateFolder(process.env), 'shipped', digest);
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
