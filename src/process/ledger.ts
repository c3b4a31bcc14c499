/** The append-only record of every process that a run started. After a crash, it proves which processes belong to the run. */
import { basename, dirname } from 'node:path';
import { type ContainerEntry, type Identity, identityShape } from '../base/identity.ts';
import { number, object, optional, pid, type Shape, text } from '../base/shape.ts';
import { linesOf, reportDamage } from '../host/stored.ts';
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
  /** Folder of its own control group, if it has one. */
  readonly cgroup?: string | undefined;
}

/** A descendant of a process of the run, found while its origin could still be proved. */
export interface DescendantEntry extends Identity {
  readonly runId: string;
  readonly process: string;
}

/** Shared memory that a process of the run had mapped: proves later, when all are dead, that it belonged to the run. */
export interface SegmentEntry {
  readonly bootId: string;
  readonly runId: string;
  readonly segment: string;
  readonly inode: number;
}

/** Throws the error of the file system. The process must not run then: nothing would prove that it belongs to the run. */
export function appendToLedger(file: string, entry: LedgerEntry): void {
  append(file, entry);
}

export function appendDescendant(file: string, entry: DescendantEntry): void {
  append(file, entry);
}

/** Where the control groups of the run will be; written before the first is created. */
export function appendCgroup(file: string, cgroup: string): void {
  append(file, { bootId: bootId(), cgroup });
}

/** Call this before the container is created. */
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

/** The contents of a ledger. */
export interface Ledger {
  /** In the order in which they started. */
  readonly entries: readonly LedgerEntry[];
  readonly descendants: readonly DescendantEntry[];
  /** In the order in which they started, including earlier boots: containers survive a reboot. */
  readonly containers: readonly ContainerEntry[];
  /** Of this boot only: shared memory does not survive a reboot. */
  readonly segments: readonly SegmentEntry[];
  /** Of this boot only: an earlier boot had other groups with the same names. */
  readonly cgroups: readonly string[];
  /** Why it may be incomplete, in words. A truncated last line is no damage: the process it names never ran. */
  readonly damage?: string;
  /** There is no ledger: nothing was started, or it was removed. */
  readonly missing: boolean;
}

const inherited = new Map<string, number>();

/** From now on, this ledger is read from an open descriptor, whatever file has its name. */
export function readLedgerFrom(file: string, descriptor: number): void {
  inherited.set(file, descriptor);
}

/** Lines that do not fit are skipped, and reported once. Never throws. */
export function readWholeLedger(file: string): Ledger {
  const descriptor = inherited.get(file);
  const read = descriptor === undefined ? readOwnFile(file) : readDescriptor(descriptor);
  const { values, damage, missing } = linesOf<unknown>(read, shapeOf);
  if (damage !== undefined) {
    const run = basename(dirname(file));
    reportDamage({ file, why: damage, fix: `dynamo clean --dry-run   # lists what may be left of ${run}` });
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

export function readLedger(file: string): readonly LedgerEntry[] {
  return readWholeLedger(file).entries;
}

const ofProcess = { runId: text, process: text };

/** Signals are sent to these pids, so a number that means "all processes" to the kernel must not get in. */
const both =
  (one: Shape, other: Shape): Shape =>
  (value, at) =>
    one(value, at) ?? other(value, at);

const shapes = {
  entry: both(
    identityShape,
    object({ ...ofProcess, pgrp: pid, session: pid, logFile: text, cgroup: optional(text) }),
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
