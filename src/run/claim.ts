/**
 * Claims a file for one running process, so that no two hold the same name or port. Robust against crashes and pid reuse.
 * Not proper-lockfile: it relies on the age of a folder, so a process that is suspended for a while loses its lock.
 */
import { createHash } from 'node:crypto';
import {
  linkSync,
  lstatSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { uptime } from 'node:os';
import { dirname, join } from 'node:path';
import { DynamoError } from '../base/error.ts';
import { errorCode, messageOf } from '../base/error-code.ts';
import { type Identity, identityShape, type IsAlive } from '../base/identity.ts';
import { flag, object, optional, text } from '../base/shape.ts';
import { readOwnFile } from '../host/own-file.ts';
import { type Stored, storedIn } from '../host/stored.ts';

export interface Claim {
  readonly runId: string;
  readonly holder: Identity;
  /** A process that works for the holder: while it runs, the claim is valid, even if the holder is dead. */
  readonly worker?: Identity;
  /** The holder is the supervisor of the run; otherwise it is still preparing to start one. */
  readonly supervises?: boolean;
}

const claimShape = object({
  runId: text,
  holder: identityShape,
  worker: optional(identityShape),
  supervises: optional(flag),
});

/** Why a file cannot be claimed. A claim that cannot be read counts as held by an unknown process. */
export type Obstacle =
  | { readonly kind: 'held'; readonly claim: Claim }
  | { readonly kind: 'unknown'; readonly file: string; readonly why: string };

/** A claim that others remove meanwhile is gone after a few attempts; a dangling link never is. */
const maxAttempts = 1_000;

/**
 * Claims `file` for `mine`, or returns the obstacle. The claim of a dead holder is taken over. Throws `cannot-write` if this
 * user may not write there, and errors of the file system.
 */
export function claim(file: string, mine: Claim, isAlive: IsAlive): Obstacle | undefined {
  return claimEach([file], mine, isAlive)?.obstacle;
}

/** The same for several files of one folder, one after the other; stops at the first that another process holds. */
export function claimEach(
  files: readonly string[],
  mine: Claim,
  isAlive: IsAlive,
): { readonly index: number; readonly obstacle: Obstacle } | undefined {
  const [first] = files;
  if (first === undefined) return undefined;
  const draft = `${first}.${process.pid}.draft`;
  try {
    write(draft, mine);
    for (const [index, file] of files.entries()) {
      const obstacle = linkTo(draft, file, mine, isAlive);
      if (obstacle !== undefined) return { index, obstacle };
    }
    return undefined;
  } finally {
    remove(draft);
  }
}

function linkTo(draft: string, file: string, mine: Claim, isAlive: IsAlive): Obstacle | undefined {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    try {
      linkSync(draft, file);
      return undefined;
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    const read = readOwnFile(file);
    if (read.kind === 'missing') continue;
    if (read.kind === 'unreadable') return { kind: 'unknown', file, why: read.why };
    const standing = storedIn<Claim>(read, claimShape);
    if (standing.kind === 'good' && livingHolder(standing.value, isAlive) !== undefined)
      return { kind: 'held', claim: standing.value };
    if (standing.kind === 'damaged' && !isOfEarlierBoot(file))
      return { kind: 'unknown', file, why: standing.why };
    const rival = removeDead(file, read.text, mine, isAlive);
    if (rival !== undefined) return rival;
  }
  return { kind: 'unknown', file, why: 'it is a dangling link' };
}

/** For people: the holder, if known. */
export function holderText(obstacle: Obstacle): string {
  if (obstacle.kind === 'held') return `run ${obstacle.claim.runId}`;
  return `an unknown process: ${obstacle.file} cannot be read (${obstacle.why})`;
}

/** `what` is the claim in words, such as `The name agg`. */
export function unknownHolder(what: string, { file, why }: Obstacle & { kind: 'unknown' }): DynamoError {
  return new DynamoError('busy', `${what} may be in use: its claim ${file} cannot be read (${why}).`, {
    hint: `dynamo clean   # removes it if no live run can hold it; otherwise: rm -r ${file}`,
    fields: { file },
  });
}

/** The running process that makes a claim valid, if any. */
export function livingHolder({ holder, worker }: Claim, isAlive: IsAlive): Identity | undefined {
  return [holder, worker].find((each) => each !== undefined && isAlive(each));
}

export function storedClaim(file: string): Stored<Claim> {
  return storedIn<Claim>(readOwnFile(file), claimShape);
}

/** The obstacle to claiming this file now. */
export function obstacleIn(file: string, isAlive: IsAlive): Obstacle | undefined {
  const stored = storedClaim(file);
  if (stored.kind === 'good')
    return livingHolder(stored.value, isAlive) === undefined
      ? undefined
      : { kind: 'held', claim: stored.value };
  if (stored.kind === 'missing' || isOfEarlierBoot(file)) return undefined;
  return { kind: 'unknown', file, why: stored.why };
}

/** The claim, unless it is missing or damaged. */
export function readClaim(file: string): Claim | undefined {
  const stored = storedClaim(file);
  return stored.kind === 'good' ? stored.value : undefined;
}

/** Written before the last boot, so no running process can have written it: a power failure leaves empty files. */
export function isOfEarlierBoot(file: string): boolean {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: Infinity };
  return mtimeMs < Date.now() - uptime() * 1000;
}

/**
 * Gives up a claim, if it still belongs to this run; `mine.holder` is the process that does it. The claim of a dead holder may
 * be taken over between reading and removing it, so it is removed like a take-over: by one process at a time.
 */
export function unclaim(file: string, mine: Claim, isAlive: IsAlive): void {
  unclaimEach([file], mine, isAlive);
}

/** The same for several files. Those that were claimed together are one file with several names, which is read once. */
export function unclaimEach(files: readonly string[], mine: Claim, isAlive: IsAlive): void {
  const held = new Set<string>();
  for (const file of files) {
    const stats = files.length === 1 ? undefined : lstatSync(file, { throwIfNoEntry: false });
    // A number that became free is given to the next file, so that alone is not enough.
    const identity = stats === undefined ? undefined : `${stats.dev}:${stats.ino}:${stats.mtimeMs}`;
    if (identity !== undefined && held.has(identity)) {
      remove(file);
      continue;
    }
    const read = readOwnFile(file);
    const standing = storedIn<Claim>(read, claimShape);
    if (read.kind !== 'text' || standing.kind !== 'good' || standing.value.runId !== mine.runId) continue;
    // If another process is taking it over, that one removes it.
    if (!isSame(standing.value.holder, mine.holder)) removeDead(file, read.text, mine, isAlive);
    else {
      // The claim of a running process is never taken over.
      remove(file);
      if (identity !== undefined) held.add(identity);
    }
  }
}

/** Removes the claim of a dead holder, even on a full disk. A valid claim, or one that was taken over, stays. */
export function removeDeadClaim(file: string, mine: Claim, isAlive: IsAlive): void {
  const read = readOwnFile(file);
  const standing = storedIn<Claim>(read, claimShape);
  if (read.kind !== 'text' || standing.kind !== 'good') return;
  if (livingHolder(standing.value, isAlive) === undefined) removeDead(file, read.text, mine, isAlive);
}

/** A run has one claim per port, and this takes a third of the time of rmSync. */
function remove(file: string): void {
  try {
    unlinkSync(file);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

function isSame(one: Identity, other: Identity): boolean {
  return one.pid === other.pid && one.startTime === other.startTime && one.bootId === other.bootId;
}

/**
 * Transfers a claim to another process of the same run, atomically. Only for the running holder: the claim of a dead one may
 * have been taken over.
 */
export function adopt(file: string, mine: Claim): void {
  const draft = `${file}.${process.pid}.draft`;
  write(draft, mine);
  try {
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function write(draft: string, mine: Claim): void {
  try {
    writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 });
  } catch (cause) {
    // On a full disk, the file is created but stays empty.
    rmSync(draft, { force: true });
    const code = errorCode(cause);
    if (code !== 'EACCES' && code !== 'EPERM') throw cause;
    throw new DynamoError('cannot-write', `This user has no write access to ${dirname(draft)}.`, {
      cause,
      hint: `ls -ld ${dirname(draft)}   # another user, perhaps root, created it`,
      fields: { file: dirname(draft) },
    });
  }
}

/**
 * Removes a dead claim, or returns the claim of a process that is already doing so. The file may have been replaced since it
 * was read, so only the holder of the take-over of exactly this dead claim removes it. A process that died during a take-over
 * is itself taken over in the same way.
 */
function removeDead(file: string, seen: string, mine: Claim, isAlive: IsAlive): Obstacle | undefined {
  const takeOver = takeOverOf(file, seen);
  try {
    const rival = claim(takeOver, mine, isAlive);
    if (rival !== undefined) return rival;
  } catch (error) {
    // On a full disk nobody can write a claim, so this one cannot have been replaced.
    if (!isFull(error)) throw error;
  }
  try {
    const now = readOwnFile(file);
    if (now.kind === 'text' && now.text === seen) rmSync(file, { force: true });
  } catch (error) {
    return { kind: 'unknown', file, why: `its holder is dead, but ${messageOf(error)}` };
  } finally {
    rmSync(takeOver, { force: true });
  }
  return undefined;
}

function isFull(error: unknown): boolean {
  return errorCode(error) === 'ENOSPC' || errorCode(error) === 'EDQUOT';
}

/** The file to claim before removing the dead claim with the text `seen`, which nobody ever writes again. */
export function takeOverOf(file: string, seen: string): string {
  return `${file}.${createHash('sha256').update(seen).digest('hex').slice(0, 12)}`;
}

interface FoundClaim {
  readonly folder: string;
  readonly name: string;
  readonly file: string;
  readonly claim: Claim;
}

/** The claims in a folder of the state, without damaged ones, which name no run. */
export function claimsIn(folder: string): FoundClaim[] {
  return readdirSync(folder).flatMap((name): FoundClaim[] => {
    const file = join(folder, name);
    const found = readClaim(file);
    return found === undefined ? [] : [{ folder, name, file, claim: found }];
  });
}
