/** Claims a file for one living process, so that two never hold the same name or port; survives crashes and pid reuse. */
import { createHash } from 'node:crypto';
import { linkSync, readdirSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
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
  /** One that works for the holder: while it lives, the claim stands, also when the holder is dead. */
  readonly worker?: Identity;
  /** The holder is the supervisor of the run, and no longer only about to start one. */
  readonly supervises?: boolean;
}

const claimShape = object({
  runId: text,
  holder: identityShape,
  worker: optional(identityShape),
  supervises: optional(flag),
});

/** What stands in the way of a claim. What cannot be read counts as held: nobody knows by whom. */
export type Obstacle =
  | { readonly kind: 'held'; readonly claim: Claim }
  | { readonly kind: 'unknown'; readonly file: string; readonly why: string };

/** A claim that others remove while we look at it is gone after a few looks; a link that leads nowhere never is. */
const looks = 1_000;

/**
 * Claims `file` for `mine`, or returns what stands in the way. A claim whose holder is dead is taken over. Throws
 * `cannot-write` where this user may not write, and what the disk refuses.
 */
export function claim(file: string, mine: Claim, isAlive: IsAlive): Obstacle | undefined {
  const draft = `${file}.${process.pid}.draft`;
  try {
    write(draft, mine);
    for (let look = 0; look < looks; look++) {
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
    return { kind: 'unknown', file, why: 'it is a link that leads nowhere' };
  } finally {
    rmSync(draft, { force: true });
  }
}

/** For people: who holds it, as far as that is known. */
export function holderText(obstacle: Obstacle): string {
  if (obstacle.kind === 'held') return `run ${obstacle.claim.runId}`;
  return `somebody unknown: ${obstacle.file} cannot be read (${obstacle.why})`;
}

/** `what` is the claim in words, as `The name agg`. */
export function unknownHolder(what: string, { file, why }: Obstacle & { kind: 'unknown' }): DynamoError {
  return new DynamoError('busy', `${what} may be taken: its claim ${file} cannot be used (${why}).`, {
    hint: `dynamo clean   # removes it where no living run can hold it; else: rm -r ${file}`,
  });
}

/** Who makes a claim stand. */
export function livingHolder({ holder, worker }: Claim, isAlive: IsAlive): Identity | undefined {
  return [holder, worker].find((each) => each !== undefined && isAlive(each));
}

export function storedClaim(file: string): Stored<Claim> {
  return storedIn<Claim>(readOwnFile(file), claimShape);
}

/** What would stand in the way of who claims this file now. */
export function obstacleIn(file: string, isAlive: IsAlive): Obstacle | undefined {
  const stored = storedClaim(file);
  if (stored.kind === 'good')
    return livingHolder(stored.value, isAlive) === undefined
      ? undefined
      : { kind: 'held', claim: stored.value };
  if (stored.kind === 'missing' || isOfEarlierBoot(file)) return undefined;
  return { kind: 'unknown', file, why: stored.why };
}

/** A claim that is not damaged. */
export function readClaim(file: string): Claim | undefined {
  const stored = storedClaim(file);
  return stored.kind === 'good' ? stored.value : undefined;
}

/** Then no living process can have written it: a power cut leaves empty files. */
export function isOfEarlierBoot(file: string): boolean {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: Infinity };
  return mtimeMs < Date.now() - uptime() * 1000;
}

/**
 * Gives a claim up, if it is still this run's; `mine.holder` is who does it. A claim in the name of a dead process may
 * become another's between a look and a removal, so it is removed as a take-over would: by one at a time.
 */
export function unclaim(file: string, mine: Claim, isAlive: IsAlive): void {
  const read = readOwnFile(file);
  const standing = storedIn<Claim>(read, claimShape);
  if (read.kind !== 'text' || standing.kind !== 'good' || standing.value.runId !== mine.runId) return;
  // Nobody takes over what a living process holds.
  if (isSame(standing.value.holder, mine.holder)) remove(file);
  // A rival at the take-over removes it for us.
  else removeDead(file, read.text, mine, isAlive);
}

/** Removes the claim of a dead holder, also on a full disk; one that stands, or is another's by now, stays. */
export function removeDeadClaim(file: string, mine: Claim, isAlive: IsAlive): void {
  const read = readOwnFile(file);
  const standing = storedIn<Claim>(read, claimShape);
  if (read.kind !== 'text' || standing.kind !== 'good') return;
  if (livingHolder(standing.value, isAlive) === undefined) removeDead(file, read.text, mine, isAlive);
}

/** A run has a claim for each of its ports: a third of what rmSync takes. */
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
 * Puts a claim of the same run in the name of another process, or beside it, in one step. Only for who holds it and is
 * alive: the claim of the dead may be another's by now.
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
    // A full disk takes the name, and not what stands in the file.
    rmSync(draft, { force: true });
    const code = errorCode(cause);
    if (code !== 'EACCES' && code !== 'EPERM') throw cause;
    throw new DynamoError('cannot-write', `This user may not write in ${dirname(draft)}.`, {
      cause,
      hint: `ls -ld ${dirname(draft)}   # another user, root perhaps, made it`,
    });
  }
}

/**
 * Removes a dead claim, or returns the living one of who is at it. What we saw may be another's claim by now, so only
 * the holder of the take-over of exactly this dead claim removes it; who died in a take-over is taken over likewise.
 */
function removeDead(file: string, seen: string, mine: Claim, isAlive: IsAlive): Obstacle | undefined {
  const takeOver = takeOverOf(file, seen);
  try {
    const rival = claim(takeOver, mine, isAlive);
    if (rival !== undefined) return rival;
  } catch (error) {
    // On a full disk nobody can write a claim, so none can have come in the place of this one.
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

/** File to be claimed by who removes the dead claim that reads `seen`: nobody ever writes that text again. */
export function takeOverOf(file: string, seen: string): string {
  return `${file}.${createHash('sha256').update(seen).digest('hex').slice(0, 12)}`;
}

interface FoundClaim {
  readonly folder: string;
  readonly name: string;
  readonly file: string;
  readonly claim: Claim;
}

/** Damaged ones are left out: they name no run. */
export function claimsIn(folder: string): FoundClaim[] {
  return readdirSync(folder).flatMap((name): FoundClaim[] => {
    const file = join(folder, name);
    const found = readClaim(file);
    return found === undefined ? [] : [{ folder, name, file, claim: found }];
  });
}
