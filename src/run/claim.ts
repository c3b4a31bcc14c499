/** Claims a file for one living process, so that two never hold the same name or port; survives crashes and pid reuse. */
import { createHash } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { errorCode } from '../base/error-code.ts';
import type { Identity, IsAlive } from '../base/identity.ts';

export interface Claim {
  readonly runId: string;
  readonly holder: Identity;
  /** One that works for the holder: while it lives, the claim stands, also when the holder is dead. */
  readonly worker?: Identity;
}

/** Claims `file` for `mine`, or returns the living claim that stands in the way. A claim whose holder is dead is taken over. */
export function claim(file: string, mine: Claim, isAlive: IsAlive): Claim | undefined {
  const draft = `${file}.${process.pid}.draft`;
  try {
    writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 });
    for (;;) {
      try {
        linkSync(draft, file);
        return undefined;
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
      }
      const text = readText(file);
      if (text === undefined) continue;
      const standing = parse(text);
      if (standing !== undefined && livingHolder(standing, isAlive) !== undefined) return standing;
      const rival = removeDead(file, text, mine, isAlive);
      if (rival !== undefined) return rival;
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Who makes a claim stand. */
export function livingHolder({ holder, worker }: Claim, isAlive: IsAlive): Identity | undefined {
  return [holder, worker].find((each) => each !== undefined && isAlive(each));
}

export function readClaim(file: string): Claim | undefined {
  const text = readText(file);
  return text === undefined ? undefined : parse(text);
}

/**
 * Gives a claim up, if it is still this run's; `mine.holder` is who does it. A claim in the name of a dead process may
 * become another's between a look and a removal, so it is removed as a take-over would: by one at a time.
 */
export function unclaim(file: string, mine: Claim, isAlive: IsAlive): void {
  const text = readText(file);
  const standing = text === undefined ? undefined : parse(text);
  if (text === undefined || standing?.runId !== mine.runId) return;
  // Nobody takes over what a living process holds.
  if (isSame(standing.holder, mine.holder)) remove(file);
  // A rival at the take-over removes it for us.
  else removeDead(file, text, mine, isAlive);
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
  writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 });
  renameSync(draft, file);
}

/**
 * Removes a dead claim, or returns the living one of who is at it. What we saw may be another's claim by now, so only
 * the holder of the take-over of exactly this dead claim removes it; who died in a take-over is taken over likewise.
 */
function removeDead(file: string, text: string, mine: Claim, isAlive: IsAlive): Claim | undefined {
  const takeOver = takeOverOf(file, text);
  const rival = claim(takeOver, mine, isAlive);
  if (rival !== undefined) return rival;
  try {
    if (readText(file) === text) rmSync(file, { force: true });
  } finally {
    rmSync(takeOver, { force: true });
  }
  return undefined;
}

/** File to be claimed by who removes the dead claim that reads `text`: nobody ever writes that text again. */
export function takeOverOf(file: string, text: string): string {
  return `${file}.${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** `undefined` for what no process can hold, as a full disk or a power cut may leave it. */
function parse(text: string): Claim | undefined {
  try {
    const value = JSON.parse(text) as Partial<Claim> | null;
    return typeof value?.holder?.pid === 'number' ? (value as Claim) : undefined;
  } catch {
    return undefined;
  }
}
