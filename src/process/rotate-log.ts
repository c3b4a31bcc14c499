/** Keeps a log from filling the disk while its process goes on writing into it: the older part is moved aside. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat, truncate } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { errorCode } from '../base/error-code.ts';

/** File systems take whole blocks from the beginning of a file; all common ones have blocks of this size or a part of it. */
const blockBytes = 65_536;

/**
 * Moves what is in the file to `<file>.1`, where it replaces what was there, once the file is larger than `maxBytes`.
 * The process writes on at the end. Where the file system can take the beginning off a file (ext4, xfs), no byte is
 * lost; elsewhere the file is emptied, and what is written in that very moment is lost. Answers whether it did.
 */
export async function rotateLog(file: string, maxBytes: number): Promise<boolean> {
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (size <= maxBytes) return false;
  const draft = `${file}.new`;
  try {
    const cut = size - (size % blockBytes);
    await copy(file, draft, 0, cut);
    if (!(await takeOff(file, cut))) {
      const { size: all } = await stat(file);
      if (all > cut) await copy(file, draft, cut, all);
      await truncate(file, 0);
    }
    await rename(draft, `${file}.1`);
    return true;
  } catch (error) {
    await rm(draft, { force: true });
    if (errorCode(error) !== 'ENOSPC') throw error;
    // There is no room to keep it: rather no old lines than no new ones.
    await rm(`${file}.1`, { force: true });
    await truncate(file, 0);
    return true;
  }
}

/** `end` is the first byte that is not copied any more. */
async function copy(from: string, to: string, start: number, end: number): Promise<void> {
  if (end <= start) return;
  const flags = start === 0 ? 'w' : 'a';
  await pipeline(
    createReadStream(from, { start, end: end - 1 }),
    createWriteStream(to, { flags, mode: 0o600 }),
  );
}

async function takeOff(file: string, bytes: number): Promise<boolean> {
  if (bytes === 0) return false;
  const { exitCode } = await execa(
    'fallocate',
    ['--collapse-range', '--offset=0', `--length=${bytes}`, file],
    {
      reject: false,
      stdio: 'ignore',
    },
  );
  return exitCode === 0;
}
