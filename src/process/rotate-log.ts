/** Rotates a log while its process keeps writing to it, so that it does not fill the disk. */
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

/** File systems can only cut whole blocks off the start of a file; all common block sizes divide this. */
const blockBytes = 65_536;
const copyBytes = 256 * 1024;

/**
 * Once the file is larger than `maxBytes`, moves its contents to the older part, which is replaced. The process keeps
 * appending. If the file system can cut off the start of a file (ext4, xfs), no byte is lost. Otherwise the file is
 * truncated, and what is written at that moment is lost. `environment`: for the programs that do it. Returns whether it
 * rotated.
 */
export async function rotateLog(file: string, maxBytes: number, environment: Environment): Promise<boolean> {
  // Called for every log every few seconds. Synchronous, because Node's threads would cost a supervisor 3 MiB.
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= maxBytes) return false;
  const before = settledOffset(file);
  const draft = draftPart(file);
  let after = before;
  try {
    const cut = size - (size % blockBytes);
    await copy(file, draft, { start: 0, end: cut }, environment);
    writeOffset(file, { ...before, moving: process.pid });
    if (await cutStart(file, cut, environment)) after = { base: before.base + cut, emptied: false };
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
    // No space for both: new lines are worth more than old ones.
    await rm(olderPart(file), { force: true });
    const { size: all } = await stat(file);
    await truncate(file, 0);
    after = { base: before.base + all, emptied: true };
    return true;
  } finally {
    await finishOffset(file, after);
  }
}

/** After a rotation that died halfway, counting continues from the offset before it. */
function settledOffset(file: string): LogOffset {
  try {
    const { base, emptied } = parseOffset(readFileSync(offsetPart(file), 'latin1'));
    return { base, emptied };
  } catch {
    return noOffset;
  }
}

/** Atomic: readers see the old text or the new one. */
function writeOffset(file: string, offset: LogOffset): void {
  const draft = `${offsetPart(file)}.new`;
  writeFileSync(draft, offsetText(offset), { mode: 0o600 });
  renameSync(draft, offsetPart(file));
}

/** If the disk is still full, readers see a truncated file. */
async function finishOffset(file: string, offset: LogOffset): Promise<void> {
  try {
    writeOffset(file, offset);
  } catch (error) {
    if (errorCode(error) !== 'ENOSPC') throw error;
    await rm(offsetPart(file), { force: true });
  }
}

/**
 * `end` is exclusive. Another program copies if possible: Node's threads would cost a supervisor 7 MiB of memory, streams
 * 30 MiB.
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

async function cutStart(file: string, bytes: number, env: Environment): Promise<boolean> {
  if (bytes === 0) return false;
  const words = ['--collapse-range', '--offset=0', `--length=${bytes}`, file];
  return await succeeds('fallocate', words, 'ignore', env);
}

/** False also if the program does not exist. `output` is an open file descriptor. */
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
