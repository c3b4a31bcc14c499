/** The append-only record of every process that a run started: what proves, after any crash, what is ours. */
import { createHash } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { type ContainerEntry, type Identity, identityShape } from '../base/identity.ts';
import { number, object, optional, pid, type Shape, text } from '../base/shape.ts';
import { linesOf, tellDamage } from '../host/stored.ts';
import { readDescriptor, readOwnFile } from '../host/own-file.ts';
import { bootId } from './identity.ts';
import { append } from './ledger-writer.ts';

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

/** Throws what the disk says; then a process must not run, as nothing would prove whose it is. */
export function appendToLedger(file: string, entry: LedgerEntry): void {
  append(file, entry);
}

export function appendDescendant(file: string, entry: DescendantEntry): void {
  append(file, entry);
}

/** Where the control groups of the run will be, written before the first is made. */
export function appendCgroup(file: string, cgroup: string): void {
  append(file, { bootId: bootId(), cgroup });
}

/** Before the container is made. */
export function appendContainer(file: string, entry: ContainerEntry): void {
  append(file, entry);
}

export function appendSegment(file: string, entry: SegmentEntry): void {
  append(file, entry);
}

interface CgroupEntry {
  readonly bootId: string;
  readonly cgroup: string;
}

/** All that a ledger says. */
export interface Ledger {
  /** In the order of starts. */
  readonly entries: readonly LedgerEntry[];
  readonly descendants: readonly DescendantEntry[];
  /** In the order of their starts, also of earlier boots: they outlive those. */
  readonly containers: readonly ContainerEntry[];
  /** Of this boot: shared memory does not outlive it. */
  readonly segments: readonly SegmentEntry[];
  /** Of this boot: another one had others under the same names. */
  readonly cgroups: readonly string[];
  /** Why it does not tell all that was started, in words. A torn last line is no reason: what it names never ran. */
  readonly damage?: string;
  /** There is none: nothing was started, or somebody removed it. */
  readonly missing: boolean;
}

const inherited = new Map<string, number>();

/** From now on this ledger is read from a descriptor that is open, whatever stands under its name. */
export function readLedgerFrom(file: string, descriptor: number): void {
  inherited.set(file, descriptor);
}

/** What does not fit is skipped, and told once. Never throws. */
export function readWholeLedger(file: string): Ledger {
  const descriptor = inherited.get(file);
  const read = descriptor === undefined ? readOwnFile(file) : readDescriptor(descriptor);
  const { values, damage, missing } = linesOf<unknown>(read, shapeOf);
  if (damage !== undefined) {
    const run = basename(dirname(file));
    tellDamage({ file, why: damage, fix: `dynamo clean --dry-run   # says what may be left of ${run}` });
  }
  return {
    entries: values.filter(isEntry),
    descendants: values.filter(isDescendant),
    containers: values.filter(isContainer),
    segments: values.filter(isSegment).filter((entry) => entry.bootId === bootId()),
    cgroups: values.filter(isCgroup).flatMap((each) => (each.bootId === bootId() ? [each.cgroup] : [])),
    ...(damage === undefined ? {} : { damage }),
    missing,
  };
}

export function readSegments(file: string): readonly SegmentEntry[] {
  return readWholeLedger(file).segments;
}

export function readContainers(file: string): readonly ContainerEntry[] {
  return readWholeLedger(file).containers;
}

export function readCgroups(file: string): readonly string[] {
  return readWholeLedger(file).cgroups;
}

export function readLedger(file: string): readonly LedgerEntry[] {
  return readWholeLedger(file).entries;
}

export function commandDigest(argv: readonly string[]): string {
  return createHash('sha256').update(argv.join('\0')).digest('hex').slice(0, 16);
}

const ofProcess = { runId: text, process: text };

/** Signals go to what stands here, so a number that means "everybody" to the kernel must not get in. */
const both =
  (one: Shape, other: Shape): Shape =>
  (value, at) =>
    one(value, at) ?? other(value, at);

const shapes = {
  entry: both(
    identityShape,
    object({ ...ofProcess, pgrp: pid, session: pid, logFile: text, cgroup: optional(text), command: text }),
  ),
  descendant: both(identityShape, object(ofProcess)),
  container: object({
    ...ofProcess,
    container: text,
    launch: text,
    daemon: object({ address: text, certificates: optional(text) }),
    logFile: text,
  }),
  segment: object({ bootId: text, runId: text, segment: text, inode: number }),
  cgroup: object({ bootId: text, cgroup: text }),
};

function shapeOf(line: object): Shape {
  if ('session' in line) return shapes.entry;
  if ('pid' in line) return shapes.descendant;
  if ('container' in line) return shapes.container;
  return 'segment' in line ? shapes.segment : shapes.cgroup;
}

function isEntry(value: unknown): value is LedgerEntry {
  return has(value, 'session');
}

function isDescendant(value: unknown): value is DescendantEntry {
  return has(value, 'pid') && !has(value, 'session');
}

function isContainer(value: unknown): value is ContainerEntry {
  return has(value, 'container');
}

function isSegment(value: unknown): value is SegmentEntry {
  return has(value, 'segment');
}

function isCgroup(value: unknown): value is CgroupEntry {
  return has(value, 'cgroup') && !has(value, 'pid');
}

function has(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && key in value;
}
