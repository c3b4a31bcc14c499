/** Reads profile files: regular ones of a sensible size, whatever else lies in their folder. */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { errorCode } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';
import { maxProfileBytes, type ProfileFiles, shownPath } from '../profile/files.ts';

export const profileFiles: ProfileFiles = {
  list: async (directory) => await readdir(directory).catch(() => []),
  read: async (path) => await Promise.resolve(readProfile(path)),
};

/** `undefined` when there is none. Throws `profile-invalid` for what is no regular file, or is too large for a profile. */
function readProfile(path: string): Uint8Array | undefined {
  try {
    // Looked at before it is opened: that may change a device, and would wait for the other end of a FIFO.
    requireRegular(statSync(path), path);
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      requireRegular(fstatSync(descriptor), path);
      return readUpTo(descriptor, maxProfileBytes + 1);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function requireRegular(stats: Stats, path: string): void {
  const shown = shownPath(path, process.cwd());
  if (!stats.isFile()) {
    throw new DynamoError(
      'profile-invalid',
      `${shown} is ${kindOf(stats)}, not a file: it holds no profile.`,
      {
        hint: 'dynamo profiles list   # shows what is there',
      },
    );
  }
  if (stats.size <= maxProfileBytes) return;
  const size = (stats.size / 1024 / 1024).toFixed(1);
  const most = maxProfileBytes / 1024 / 1024;
  throw new DynamoError(
    'profile-invalid',
    `${shown} is ${size} MiB large; a profile has at most ${most} MiB.`,
    { hint: 'is this another file?' },
  );
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a FIFO';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** Not what its size says: files of /proc have none, and another may grow meanwhile. */
function readUpTo(descriptor: number, most: number): Uint8Array {
  const buffer = Buffer.allocUnsafe(Math.min(most, Math.max(4096, fstatSync(descriptor).size + 1)));
  let [parts, length]: [Buffer[], number] = [[], 0];
  for (;;) {
    const read = readSync(descriptor, buffer, 0, Math.min(buffer.length, most - length), null);
    if (read === 0) return Buffer.concat(parts);
    parts.push(Buffer.from(buffer.subarray(0, read)));
    length += read;
  }
}
