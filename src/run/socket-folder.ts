/** Chooses the folder for the socket of a new run: one that no other user can enter, change or replace. */
import type { Environment } from '../base/environment.ts';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DynamoError } from '../base/error.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { runtimeFolder, sharedFolder, socketPath, type StateFolders } from './folders.ts';

/**
 * Uses the first suitable place: `$XDG_RUNTIME_DIR`, `/tmp/dynamo-UID`, or a folder there with an unpredictable name. The path
 * is stored in the record of the run, where later commands find it, whatever their environment is. Throws `cannot-write`, with
 * the problem of each place, if none is suitable.
 */
export function placeSocket(folders: StateFolders, environment: Environment, runId: string): string {
  const wrong: string[] = [];
  const attempt = (make: () => string): string | undefined => {
    try {
      return make();
    } catch (error) {
      wrong.push(`  ${messageOf(error)}`);
      return undefined;
    }
  };
  const runtime = runtimeFolder(environment);
  const sockets =
    (runtime === undefined ? undefined : attempt(() => madeIn(runtime, 'dynamo'))) ??
    attempt(() => madeIn(madeIn(dirname(sharedFolder), basename(sharedFolder)), 'dynamo')) ??
    earlierOne() ??
    attempt(() => usable(mkdtempSync(`${sharedFolder}-`)));
  if (sockets !== undefined) return socketPath({ ...folders, sockets }, runId);
  throw new DynamoError('cannot-write', 'No suitable folder for the control socket of the run.', {
    details: wrong,
    hint: 'export XDG_RUNTIME_DIR=/a/folder/of/your/own',
  });
}

/** A folder that `mkdtemp` created for an earlier run. */
function earlierOne(): string | undefined {
  const prefix = `${basename(sharedFolder)}-`;
  for (const name of readdirSync(dirname(sharedFolder)).filter((each) => each.startsWith(prefix))) {
    try {
      return usable(join(dirname(sharedFolder), name));
    } catch {
      // It belongs to another user.
    }
  }
  return undefined;
}

/** Does not create the parent: a missing runtime folder was not meant for this user. Throws what is wrong with it. */
function madeIn(parent: string, name: string): string {
  const folder = join(safe(parent), name);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  return usable(folder);
}

/** The real path of the folder, which is closed to others. Throws what is wrong with it. */
function usable(folder: string): string {
  const real = join(safe(dirname(folder)), basename(folder));
  const stat = lstatSync(real);
  if (!stat.isDirectory()) throw new Error(`${real} is ${stat.isSymbolicLink() ? 'a link' : 'not a folder'}`);
  if (stat.uid !== process.getuid?.()) throw new Error(`${real} belongs to another user (${stat.uid})`);
  // It is ours, and no other user can have replaced it meanwhile.
  if ((stat.mode & 0o077) !== 0) chmodSync(real, 0o700);
  return real;
}

/** The real path of a folder in which no other user can replace entries. Throws what is wrong with it. */
function safe(folder: string): string {
  const real = realpathSync(folder);
  const trusted = new Set([...rootUids(), process.getuid?.()]);
  for (let each = real; ; each = dirname(each)) {
    const { uid, mode } = lstatSync(each);
    const isSticky = (mode & 0o1000) !== 0;
    if (!trusted.has(uid)) throw new Error(`${each} belongs to another user (${uid})`);
    if ((mode & 0o022) !== 0 && !isSticky) throw new Error(`other users may write to ${each}`);
    if (each === dirname(each)) return real;
  }
}

/** In a user namespace, files of the real root appear to belong to the overflow user. */
function rootUids(): ReadonlySet<number> {
  try {
    const isWhole = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
    return isWhole
      ? new Set([0])
      : new Set([0, Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'))]);
  } catch {
    return new Set([0]);
  }
}
