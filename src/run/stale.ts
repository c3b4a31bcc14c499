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
  /** It is no claim that could be taken over: nobody holds it, and it is removed as it stands. */
  readonly isDamaged?: true;
}

/** A claim that stays although its holder is dead or unknown. */
export interface KeptClaim {
  readonly file: string;
  /** Why it cannot be removed, in words. */
  readonly because: string;
  readonly command: string;
}

interface ClaimsLook {
  readonly stale: readonly StaleFile[];
  readonly kept: readonly KeptClaim[];
}

/** Who may still need a claim although its holder is dead, or although it cannot be read. */
export interface ClaimNeeds {
  /** Whether processes of this run live. */
  readonly hasLiving: (runId: string) => boolean;
  /** The living run that this claim belongs to, or that may hold it as nobody knows its plan. */
  readonly userOf: (file: string) => string | undefined;
}

const nobodyNeeds: ClaimNeeds = { hasLiving: () => false, userOf: () => undefined };

/** Those that can be removed. Without `needs` a claim is as alive as its holder. */
export function staleClaims(
  folders: StateFolders,
  isAlive: IsAlive,
  needs = nobodyNeeds,
): readonly StaleFile[] {
  return lookAtClaims(folders, isAlive, needs).stale;
}

export function lookAtClaims(
  { names, ports, gpus }: StateFolders,
  isAlive: IsAlive,
  needs: ClaimNeeds,
): ClaimsLook {
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
  // Given up since the folder was read.
  if (stored.kind === 'missing') return [];
  if (stored.kind === 'good') {
    const { holder, runId } = stored.value;
    if (isAlive(holder)) return [];
    if (hasLiving(runId)) {
      const because = `its holder, pid ${holder.pid}, is dead, but processes of run ${runId} live`;
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
    return [{ file, because: 'it is a folder with something in it', command: `rm -r ${file}` }];
  return [
    {
      kind,
      file,
      proof: `no living run can hold it, and it cannot be read (${stored.why})`,
      isDamaged: true,
    },
  ];
}

function isFullFolder(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false })?.isDirectory() === true && readdirSync(file).length > 0;
  } catch {
    // Of another user.
    return true;
  }
}

/** In the folder that only this user can enter. */
export async function staleSockets({ sockets }: StateFolders): Promise<StaleFile[]> {
  const files = namesInOwn(sockets)
    .filter((name) => name.endsWith('.sock'))
    .map((name) => join(sockets, name));
  const refused = await Promise.all(files.map(isRefused));
  return files
    .filter((_, i) => refused[i])
    .map((file) => ({ kind: 'socket', file, proof: 'nobody listens on it' }));
}

/** In /tmp it may be a link of somebody else, who would like us to remove his choice of files. */
function namesInOwn(folder: string): string[] {
  try {
    const stat = lstatSync(folder, { throwIfNoEntry: false });
    return stat?.isDirectory() === true && stat.uid === process.getuid?.() ? readdirSync(folder) : [];
  } catch {
    // Below a folder that this user may not enter: what is there is another's.
    return [];
  }
}

/** Takes a dead claim over before removing it, as another command may be doing right now. `mine`: of this process. */
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

/** Logs of a failed run are wanted the day after, not the week after. */
export const keptMs = 7 * 24 * 3_600_000;

export interface PrunableRun {
  readonly runId: string;
  readonly folder: string;
  readonly proof: string;
}

/** `olderThanMs`: since they ended. Also folders in which no run was ever written down. */
export function prunableRuns(
  folders: StateFolders,
  runs: readonly StoredRun[],
  olderThanMs: number,
  now: number,
): PrunableRun[] {
  const recorded = new Set(runs.map(({ record }) => record.runId));
  const ended = runs.flatMap(({ record, files, supervised, damage }): PrunableRun[] => {
    // What nobody knows the end of may live.
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
      // A stray file is no folder of a run.
      if (stat?.isDirectory() !== true) return [];
      const { mtimeMs } = stat;
      // Whatever is asked for: one that is being prepared has no record yet.
      if (now - mtimeMs < Math.max(olderThanMs, keptMs)) return [];
      return [{ runId, folder, proof: `no run was written down in it since ${dateText(mtimeMs)}` }];
    });
  return [...ended, ...nameless];
}

/** Pictures and videos that a run made are the user's: a folder with any stays as it is. */
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
