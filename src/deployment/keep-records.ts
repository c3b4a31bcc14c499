/** A supervisor restores the records of its run from memory if they are truncated, replaced or removed. */
import { mkdirSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf } from '../base/error-code.ts';
import type { Identity } from '../base/identity.ts';
import type { Plan } from '../plan/plan.ts';
import { isAlive } from '../process/identity.ts';
import { restoreLedger } from '../process/ledger-writer.ts';
import { adopt, type Claim, claim, storedClaim } from '../run/claim.ts';
import {
  readKeeper,
  readPlan,
  readRecordIn,
  type RunRecord,
  writeKeeper,
  writePlan,
  writeRecord,
} from '../run/record.ts';
import type { PreparedRun } from './tidy-up.ts';
import { claimFiles } from './claims.ts';
import { quietly } from './sole-reaper.ts';
import { version } from '../package/version.ts';

export interface RecordsKeeper {
  readonly record: RunRecord;
  /** Call this for every keeper that starts. */
  readonly keptBy: (keeper: Identity) => void;
  /** Returns which files it had to restore, and why one could not be restored. Never throws. */
  readonly restore: () => readonly string[];
  /** Restores what commands read of a run that has ended. Its claims are about to be released. Never throws. */
  readonly restoreLast: () => void;
  /** The run has this plan from now on, with other claims. */
  readonly follow: (plan: Plan) => void;
}

/** Call this while the records are still unchanged. */
export function recordsKeeper(run: PreparedRun, supervisor: Identity): RecordsKeeper {
  const { plan, files, folders } = run;
  const stored = readRecordIn(files.folder);
  const record: RunRecord = stored ?? {
    runId: plan.runId,
    name: plan.name,
    startedAt: Date.now(),
    detached: false,
    version,
    supervisor,
  };
  const mine: Claim = { runId: plan.runId, holder: supervisor, supervises: true };
  const nameFile = join(folders.names, plan.name);
  // From here on, a missing run folder means that it was removed, not that the run is being prepared.
  quietly(() => adopt(nameFile, mine));
  let keeper: Identity | undefined;
  const about = { ...record, supervisor };
  const ofKeeper = keptFile(
    files.keeper,
    () => keeper === undefined || readKeeper(files) !== undefined,
    () => {
      if (keeper !== undefined) writeKeeper(files, keeper, about);
    },
  );
  const kept = [
    keptFile(
      files.run,
      () => readRecordIn(files.folder) !== undefined,
      () => writeRecord(files, record),
    ),
    ofKeeper,
  ];
  const planOf = (now: Plan): KeptFile =>
    keptFile(
      files.plan,
      () => sameProcesses(readPlan(files), now),
      () => writePlan(files, now),
    );
  const claimsOf = (now: Plan): KeptFile[] =>
    claimFiles(folders, now).map((file) =>
      keptFile(
        file,
        () => storedClaim(file).kind === 'good',
        () => reclaim(file, mine),
      ),
    );
  let ofPlan = planOf(plan);
  let claims = claimsOf(plan);
  // Written a moment ago: a run that ends within the first seconds need not read them.
  if (stored !== undefined) for (const each of [...kept, ofPlan, ...claims]) each.isGood();
  const restore = (wanted: readonly KeptFile[]): string[] => {
    const problems: string[] = [];
    const attempt = (file: string, write: () => boolean): string[] => {
      try {
        return write() ? [basename(file)] : [];
      } catch (error) {
        problems.push(`${basename(file)} could not be restored: ${messageOf(error)}`);
        return [];
      }
    };
    const folder = attempt(
      files.folder,
      () => mkdirSync(files.logs, { recursive: true, mode: 0o700 }) === files.folder,
    );
    const written = [
      ...attempt(files.ledger, () => restoreLedger(files.ledger)),
      ...wanted.flatMap((each) => attempt(each.file, each.restore)),
    ];
    return [...folder, ...written, ...problems];
  };
  return {
    record,
    follow: (now) => {
      ofPlan = planOf(now);
      claims = claimsOf(now);
    },
    keptBy: (identity) => {
      keeper = identity;
      quietly(() => writeKeeper(files, identity, about));
      ofKeeper.isGood();
    },
    restore: () => restore([...kept, ofPlan, ...claims]),
    restoreLast: () => void restore([...kept, ofPlan]),
  };
}

export function restoredText(written: readonly string[], folder: string): string {
  return `records in ${folder} were changed or removed; restored: ${written.join(', ')}`;
}

/** A claim that is free by now is claimed normally; an unreadable one is replaced, because we hold it. */
function reclaim(file: string, mine: Claim): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if (storedClaim(file).kind === 'missing') claim(file, mine, isAlive);
  else adopt(file, mine);
}

interface KeptFile {
  readonly file: string;
  /** Call this when it has just been written. */
  readonly isGood: () => void;
  /** Returns whether it had to be written. */
  readonly restore: () => boolean;
}

/** A plan that could not be written during a change still has the processes of before. */
function sameProcesses(stored: Plan | undefined, { processes }: Plan): boolean {
  return stored?.processes.map(({ name }) => name).join(' ') === processes.map(({ name }) => name).join(' ');
}

/** Reads a file again only if it has changed: a periodic check costs one system call per file. */
function keptFile(file: string, isGood: () => boolean, write: () => void): KeptFile {
  const look = (): Stats | undefined => statSync(file, { throwIfNoEntry: false });
  let seen: Stats | undefined;
  const isUnchanged = (now: Stats | undefined): boolean =>
    now !== undefined &&
    seen !== undefined &&
    now.ino === seen.ino &&
    now.size === seen.size &&
    now.mtimeMs === seen.mtimeMs;
  return {
    file,
    isGood: () => quietly(() => void (seen = look())),
    restore: (): boolean => {
      const now = look();
      if (isUnchanged(now)) return false;
      const good = isGood();
      if (!good) write();
      seen = look();
      return !good;
    },
  };
}
