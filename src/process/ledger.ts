/** The append-only record of every process that a run started: what proves, after any crash, what is ours. */
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import type { ContainerEntry } from '../base/container-entry.ts';
import type { Identity } from '../base/identity.ts';
import { bootId } from './identity.ts';

export interface LedgerEntry extends Identity {
  readonly runId: string;
  readonly process: string;
  readonly pgrp: number;
  readonly session: number;
  /** `device:inode` of the log file, which every descendant inherits. */
  readonly logFile: string;
  /** Folder of its control group, where it has one of its own. */
  readonly cgroup?: string | undefined;
  /** Tells that two entries were the same command, without storing it. */
  readonly command: string;
}

/** A process that one of ours started, seen while its origin could still be proved. */
export interface DescendantEntry extends Identity {
  readonly runId: string;
  readonly process: string;
}

/** Shared memory that a process of ours had mapped: what proves, once all are dead, whose it was. */
export interface SegmentEntry {
  readonly bootId: string;
  readonly runId: string;
  readonly segment: string;
  readonly inode: number;
}

/** One write of one line: a crash can tear the last line, never another. */
export function appendToLedger(file: string, entry: LedgerEntry): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
}

export function appendDescendant(file: string, entry: DescendantEntry): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
}

/** Where the control groups of the run will be, written before the first is made. */
export function appendCgroup(file: string, cgroup: string): void {
  appendFileSync(file, `${JSON.stringify({ bootId: bootId(), cgroup })}\n`, { mode: 0o600 });
}

/** Before the container is made. */
export function appendContainer(file: string, entry: ContainerEntry): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
}

export function appendSegment(file: string, entry: SegmentEntry): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
}

/** Those of this boot: shared memory does not outlive it. */
export function readSegments(file: string): SegmentEntry[] {
  return readLines(file)
    .filter(isSegment)
    .filter((entry) => entry.bootId === bootId());
}

function isSegment(value: unknown): value is SegmentEntry {
  return typeof value === 'object' && value !== null && 'segment' in value && 'inode' in value;
}

/** Containers in the order of their starts, also of earlier boots: they outlive those. */
export function readContainers(file: string): ContainerEntry[] {
  return readLines(file).filter(
    (value): value is ContainerEntry =>
      typeof value === 'object' && value !== null && 'container' in value && 'launch' in value,
  );
}

/** Those of this boot: another one had others under the same names. */
export function readCgroups(file: string): string[] {
  return readLines(file).flatMap((value) => {
    if (typeof value !== 'object' || value === null || isIdentity(value)) return [];
    return 'cgroup' in value && 'bootId' in value && value.bootId === bootId() ? [String(value.cgroup)] : [];
  });
}

/** Entries in the order of starts; a torn last line is left out. */
export function readLedger(file: string): LedgerEntry[] {
  return readLines(file).filter(isEntry);
}

/** Descendants that were seen; a torn last line is left out. */
export function readDescendants(file: string): DescendantEntry[] {
  return readLines(file).filter((value): value is DescendantEntry => isIdentity(value) && !isEntry(value));
}

function readLines(file: string): unknown[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line): unknown[] => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}

export function commandDigest(argv: readonly string[]): string {
  return createHash('sha256').update(argv.join('\0')).digest('hex').slice(0, 16);
}

function isEntry(value: unknown): value is LedgerEntry {
  return isIdentity(value) && 'session' in value;
}

function isIdentity(value: unknown): value is Identity {
  return typeof value === 'object' && value !== null && 'pid' in value && 'startTime' in value;
}
