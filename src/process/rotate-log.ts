/** Keeps a log from filling the disk while its process goes on writing into it: the older part is moved aside. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { open, rename, rm, stat, truncate } from 'node:fs/promises';
import type { Environment } from '../base/environment.ts';
import { errorCode } from '../base/error-code.ts';
import {
  draftPart,
  type LogOffset,
  noOffset,
  offsetPart,
  offsetText,
  olderPart,
  parseOffset,
} from '../base/logs.ts';

/** File systems take whole blocks from the beginning of a file; all common ones have blocks of this size or a part of it. */
const blockBytes = 65_536;
const copyBytes = 256 * 1024;

/**
 * Moves what is in the file to its older part, where it replaces what was there, once the file is larger than `maxBytes`.
 * The process writes on at the end. Where the file system can take the beginning off a file (ext4, xfs), no byte is
 * lost; elsewhere the file is emptied, and what is written in that very moment is lost. `environment`: of the programs that help. Answers whether it did.
 */
export async function rotateLog(file: string, maxBytes: number, environment: Environment): Promise<boolean> {
  // Asked every few seconds of every log: without a thread for it, which would cost a supervisor 3 MiB.
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= maxBytes) return false;
  const before = settledOffset(file);
  const draft = draftPart(file);
  let after = before;
  try {
    const cut = size - (size % blockBytes);
    await copy(file, draft, { start: 0, end: cut }, environment);
    writeOffset(file, { ...before, moving: process.pid });
    if (await takeOff(file, cut, environment)) after = { base: before.base + cut, emptied: false };
    else {
      const { size: all } = await stat(file);
      if (all > cut) await copy(file, draft, { start: cut, end: all }, environment);
      await truncate(file, 0);
      after = { base: before.base + all, emptied: true };
    }
    await rename(draft, olderPart(file));
    return true;
  } catch (error) {
    await rm(draft, { force: true });
    if (errorCode(error) !== 'ENOSPC') throw error;
    // There is no room to keep it: rather no old lines than no new ones.
    await rm(olderPart(file), { force: true });
    const { size: all } = await stat(file);
    await truncate(file, 0);
    after = { base: before.base + all, emptied: true };
    return true;
  } finally {
    await saidAfterwards(file, after);
  }
}

/** A mover that died has left no moved part that anybody could tell from an unmoved one: counting goes on from there. */
function settledOffset(file: string): LogOffset {
  try {
    const { base, emptied } = parseOffset(readFileSync(offsetPart(file), 'latin1'));
    return { base, emptied };
  } catch {
    return noOffset;
  }
}

/** Readers see the old text or the new one. */
function writeOffset(file: string, offset: LogOffset): void {
  const draft = `${offsetPart(file)}.new`;
  writeFileSync(draft, offsetText(offset), { mode: 0o600 });
  renameSync(draft, offsetPart(file));
}

/** On a disk that is full all the same, readers see a file that was cut. */
async function saidAfterwards(file: string, offset: LogOffset): Promise<void> {
  try {
    writeOffset(file, offset);
  } catch (error) {
    if (errorCode(error) !== 'ENOSPC') throw error;
    await rm(offsetPart(file), { force: true });
  }
}

/**
 * `end` is the first byte that is not copied any more. Another program does it where it can: the threads that Node needs
 * for this would cost a supervisor 7 MiB, and streams 30.
 */
async function copy(
  from: string,
  to: string,
  { start, end }: { readonly start: number; readonly end: number },
  environment: Environment,
): Promise<void> {
  if (end <= start) return;
  if (start === 0 && (await copyBeginning(from, to, end, environment))) return;
  await using source = await open(from);
  await using target = await open(to, start === 0 ? 'w' : 'a', 0o600);
  const buffer = Buffer.alloc(copyBytes);
  for (let at = start; at < end;) {
    const { bytesRead } = await source.read(buffer, 0, Math.min(copyBytes, end - at), at);
    if (bytesRead === 0) return;
    await target.appendFile(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

async function copyBeginning(from: string, to: string, bytes: number, env: Environment): Promise<boolean> {
  const target = openSync(to, 'w', 0o600);
  try {
    return await succeeds('head', ['-c', String(bytes), from], target, env);
  } finally {
    closeSync(target);
  }
}

async function takeOff(file: string, bytes: number, env: Environment): Promise<boolean> {
  if (bytes === 0) return false;
  const words = ['--collapse-range', '--offset=0', `--length=${bytes}`, file];
  return await succeeds('fallocate', words, 'ignore', env);
}

/** False also where there is no such program. `output` is a file descriptor that is open. */
async function succeeds(
  program: string,
  words: readonly string[],
  output: number | 'ignore',
  env: Environment,
): Promise<boolean> {
  const child = spawn(program, words, { env, stdio: ['ignore', output, 'ignore'] });
  return await new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}
