/** Where the socket of a new run is put: in a folder that nobody but this user can enter, change or put in its place. */
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
 * Takes the first place that will do: `$XDG_RUNTIME_DIR`, `/tmp/dynamo-UID`, a folder there of a name that nobody could
 * foresee. The path goes into the record of the run, where every later command finds it, whatever its surroundings are.
 * Throws `cannot-write` when none will do, with what is wrong with each.
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
  throw new DynamoError('cannot-write', 'There is no folder for the control socket of a run.', {
    details: wrong,
    hint: 'export XDG_RUNTIME_DIR=/a/folder/of/your/own',
  });
}

/** One that `mkdtemp` made for an earlier run. */
function earlierOne(): string | undefined {
  const prefix = `${basename(sharedFolder)}-`;
  for (const name of readdirSync(dirname(sharedFolder)).filter((each) => each.startsWith(prefix))) {
    try {
      return usable(join(dirname(sharedFolder), name));
    } catch {
      // Somebody else's.
    }
  }
  return undefined;
}

/** Only the folder itself: a runtime folder that is not there was not made for this user. Throws what is wrong with it. */
function madeIn(parent: string, name: string): string {
  const folder = join(safe(parent), name);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  return usable(folder);
}

/** The folder as it is without any link, and closed to others. Throws what is wrong with it. */
function usable(folder: string): string {
  const real = join(safe(dirname(folder)), basename(folder));
  const stat = lstatSync(real);
  if (!stat.isDirectory()) throw new Error(`${real} is ${stat.isSymbolicLink() ? 'a link' : 'no folder'}`);
  if (stat.uid !== process.getuid?.()) throw new Error(`${real} belongs to another user (${stat.uid})`);
  // It is ours, and nobody could have put another one in its place since.
  if ((stat.mode & 0o077) !== 0) chmodSync(real, 0o700);
  return real;
}

/** The same folder without any link, where nobody else can put another one in the place of what is in it. Throws. */
function safe(folder: string): string {
  const real = realpathSync(folder);
  const trusted = new Set([...rootUids(), process.getuid?.()]);
  for (let each = real; ; each = dirname(each)) {
    const { uid, mode } = lstatSync(each);
    const isSticky = (mode & 0o1000) !== 0;
    if (!trusted.has(uid)) throw new Error(`${each} belongs to another user (${uid})`);
    if ((mode & 0o022) !== 0 && !isSticky) throw new Error(`others may write in ${each}`);
    if (each === dirname(each)) return real;
  }
}

/** In a user namespace, whatever is root's outside looks as if it were of nobody in particular. */
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
