/**
 * What dead runs and commands left in the state folders: claims of dead holders, unused sockets, folders of old runs.
 */
import { existsSync, lstatSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { errorCode } from '../base/error-code.ts';
import type { IsAlive } from '../base/identity.ts';
import { type Claim, isOfEarlierBoot, removeDeadClaim, storedClaim } from './claim.ts';
import { runFiles, type StateFolders } from './folders.ts';
import type { StoredRun } from './record.ts';

export interface StaleFile {
  readonly kind: 'lock' | 'lease' | 'draft' | 'socket';
  readonly file: string;
  readonly proof: string;
  /** It is not a valid claim: it has no holder, and is removed without a take-over. */
  readonly isDamaged?: true;
}

/** A claim that is kept although its holder is dead or unknown. */
export interface KeptClaim {
  readonly file: string;
  /** Why it cannot be removed, in words. */
  readonly because: string;
  readonly command: string;
}

interface ClaimsCheck {
  readonly stale: readonly StaleFile[];
  readonly kept: readonly KeptClaim[];
}

/** Which runs may still need a claim whose holder is dead, or that cannot be read. */
export interface ClaimNeeds {
  /** Whether processes of this run are running. */
  readonly hasLiving: (runId: string) => boolean;
  /** The live run that this claim belongs to, or that may hold it because its plan is unknown. */
  readonly userOf: (file: string) => string | undefined;
}

const nobodyNeeds: ClaimNeeds = { hasLiving: () => false, userOf: () => undefined };

/** The claims that can be removed. Without `needs`, a claim is needed if and only if its holder is running. */
export function staleClaims(
  folders: StateFolders,
  isAlive: IsAlive,
  needs = nobodyNeeds,
): readonly StaleFile[] {
  return checkClaims(folders, isAlive, needs).stale;
}

export function checkClaims(
  { names, ports, gpus }: StateFolders,
  isAlive: IsAlive,
  needs: ClaimNeeds,
): ClaimsCheck {
  const places = [
    { folder: names, kind: 'lock' },
    { folder: ports, kind: 'lease' },
    { folder: gpus, kind: 'lease' },
  ] as const;
  const looks = places.flatMap(({ folder, kind }) =>
    readdirSync(folder).flatMap((name): (StaleFile | KeptClaim)[] => {
      const file = join(folder, name);
      const writer = /\.(\d+)\.draft$/.exec(name)?.[1];
      return writer === undefined ? lookAt(file, kind, isAlive, needs) : draftOf(file, writer);
    }),
  );
  return {
    stale: looks.filter((each) => 'kind' in each),
    kept: looks.filter((each) => 'because' in each),
  };
}

function draftOf(file: string, writer: string): StaleFile[] {
  const proof = `pid ${writer}, which wrote it, is dead`;
  return existsSync(`/proc/${writer}`) ? [] : [{ kind: 'draft', file, proof }];
}

function lookAt(
  file: string,
  kind: 'lock' | 'lease',
  isAlive: IsAlive,
  { hasLiving, userOf }: ClaimNeeds,
): (StaleFile | KeptClaim)[] {
  const stored = storedClaim(file);
  // It was released meanwhile.
  if (stored.kind === 'missing') return [];
  if (stored.kind === 'good') {
    const { holder, runId } = stored.value;
    if (isAlive(holder)) return [];
    if (hasLiving(runId)) {
      const because = `its holder, pid ${holder.pid}, is dead, but processes of run ${runId} are running`;
      return [{ file, because, command: `dynamo down ${runId}` }];
    }
    return [{ kind, file, proof: `its holder, pid ${holder.pid} of run ${runId}, is dead` }];
  }
  const user = isOfEarlierBoot(file) ? undefined : userOf(file);
  if (user !== undefined) {
    const because = `it cannot be read (${stored.why}), and run ${user} may hold it`;
    return [{ file, because, command: `dynamo down ${user}` }];
  }
  if (isFullFolder(file))
    return [{ file, because: 'it is a folder that is not empty', command: `rm -r ${file}` }];
  return [
    {
      kind,
      file,
      proof: `no live run can hold it, and it cannot be read (${stored.why})`,
      isDamaged: true,
    },
  ];
}

function isFullFolder(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false })?.isDirectory() === true && readdirSync(file).length > 0;
  } catch {
    // It belongs to another user.
    return true;
  }
}

/** Only in the folder that belongs to this user. */
export async function staleSockets({ sockets }: StateFolders): Promise<StaleFile[]> {
  const files = namesInOwn(sockets)
    .filter((name) => name.endsWith('.sock'))
    .map((name) => join(sockets, name));
  const refused = await Promise.all(files.map(isRefused));
  return files
    .filter((_, i) => refused[i])
    .map((file) => ({ kind: 'socket', file, proof: 'nobody listens on it' }));
}

/** In /tmp it may be another user's link, meant to make us remove files of their choice. */
function namesInOwn(folder: string): string[] {
  try {
    const stat = lstatSync(folder, { throwIfNoEntry: false });
    return stat?.isDirectory() === true && stat.uid === process.getuid?.() ? readdirSync(folder) : [];
  } catch {
    // Below a folder that this user may not enter, so it belongs to another user.
    return [];
  }
}

/** Takes a dead claim over before removing it, because another command may be doing the same. `mine`: of this process. */
export function removeStale({ kind, file, isDamaged }: StaleFile, mine: Claim, isAlive: IsAlive): void {
  if (isDamaged === true) return removeAsItStands(file);
  if (kind === 'draft' || kind === 'socket') return rmSync(file, { force: true });
  removeDeadClaim(file, mine, isAlive);
}

function removeAsItStands(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) rmdirSync(file);
  else rmSync(file, { force: true });
}

async function isRefused(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    const settle = (refused: boolean): void => {
      socket.destroy();
      resolve(refused);
    };
    socket.once('connect', () => settle(false));
    socket.once('error', (error) => settle(errorCode(error) === 'ECONNREFUSED'));
  });
}

/** Logs of a failed run are needed the day after, not the week after. */
export const keptMs = 7 * 24 * 3_600_000;

export interface PrunableRun {
  readonly runId: string;
  readonly folder: string;
  readonly proof: string;
}

/** Folders of runs that ended at least `olderThanMs` ago; also folders in which no run was ever recorded. */
export function prunableRuns(
  folders: StateFolders,
  runs: readonly StoredRun[],
  olderThanMs: number,
  now: number,
): PrunableRun[] {
  const recorded = new Set(runs.map(({ record }) => record.runId));
  const ended = runs.flatMap(({ record, files, supervised, damage }): PrunableRun[] => {
    // If its end is unknown, it may still be running.
    if (damage !== undefined) return [];
    const { endedAt, runId, unswept } = record;
    if (endedAt === undefined || unswept !== undefined || supervised || now - endedAt < olderThanMs)
      return [];
    return [{ runId, folder: files.folder, proof: `it ended on ${dateText(endedAt)}` }];
  });
  const nameless = readdirSync(folders.runs)
    .filter((runId) => !recorded.has(runId))
    .flatMap((runId): PrunableRun[] => {
      const { folder } = runFiles(folders, runId);
      const stat = statSync(folder, { throwIfNoEntry: false });
      // An unrelated file.
      if (stat?.isDirectory() !== true) return [];
      const { mtimeMs } = stat;
      // At least `keptMs`, whatever `olderThanMs` is: a run that is being prepared has no record yet.
      if (now - mtimeMs < Math.max(olderThanMs, keptMs)) return [];
      return [{ runId, folder, proof: `it has held no run since ${dateText(mtimeMs)}` }];
    });
  return [...ended, ...nameless];
}

/** Pictures and videos that a run created belong to the user: a folder with any is kept. */
export function holdsMedia({ folder }: PrunableRun): boolean {
  try {
    return readdirSync(join(folder, 'media')).length > 0;
  } catch {
    return false;
  }
}

export function pruneRun({ folder }: PrunableRun): void {
  rmSync(folder, { recursive: true, force: true });
}

function dateText(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}
