/**
 * Writes the ledger. A supervisor remembers what it wrote, so it still knows what it started if the file is truncated,
 * replaced or removed during the run.
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { appendOwn, openToAppend, readOwnFile, writeAll } from '../host/own-file.ts';

interface Writer {
  /** All lines so far, each with its newline. */
  readonly lines: string[];
  /** Open files, the newest last. A keeper reads the file that existed when it started, even if that was removed. */
  readonly descriptors: number[];
  /** The state of the newest file when it was last known to hold all lines. */
  seen: Stats | undefined;
}

const writers = new Map<string, Writer>();
/** A new one is opened each time the ledger of a run is removed. */
const mostDescriptors = 8;

/** The supervisor of a run calls this before it writes anything. Throws the error of the file system. */
export function openLedger(file: string): void {
  const descriptor = openToAppend(file);
  writers.set(file, { lines: [], descriptors: [descriptor], seen: fstatSync(descriptor) });
}

/** The newest open descriptor of a ledger that this process writes. */
export function ledgerDescriptor(file: string): number | undefined {
  return writers.get(file)?.descriptors.at(-1);
}

/** One write per line: a crash can truncate only the last line. Throws the error of the file system. */
export function append(file: string, entry: object): void {
  const line = `${JSON.stringify(entry)}\n`;
  const writer = writers.get(file);
  if (writer === undefined) return appendOwn(file, line);
  if (!isWhole(file, writer)) restore(file, writer);
  for (const descriptor of writer.descriptors) writeAll(descriptor, line);
  writer.lines.push(line);
  writer.seen = newest(writer);
}

/** Rewrites the ledger if lines are missing. Returns whether it did. Throws the error of the file system. */
export function restoreLedger(file: string): boolean {
  const writer = writers.get(file);
  if (writer === undefined || isWhole(file, writer)) return false;
  restore(file, writer);
  return true;
}

/** Other commands append descendants that they found, so a changed file is read again. */
function isWhole(file: string, writer: Writer): boolean {
  const { seen } = writer;
  const now = statSync(file, { throwIfNoEntry: false });
  if (now === undefined || seen === undefined || now.ino !== seen.ino || now.dev !== seen.dev) return false;
  if (now.size === seen.size && now.mtimeMs === seen.mtimeMs) return true;
  const read = readOwnFile(file);
  if (read.kind !== 'text' || !(read.text === '' || read.text.endsWith('\n'))) return false;
  const there = new Set(read.text.split('\n'));
  if (!writer.lines.every((line) => there.has(line.slice(0, -1)))) return false;
  writer.seen = now;
  return true;
}

function restore(file: string, writer: Writer): void {
  const text = writer.lines.join('');
  const [now, last] = [statSync(file, { throwIfNoEntry: false }), newest(writer)];
  if (now === undefined || now.ino !== last?.ino || now.dev !== last.dev) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writer.descriptors.push(replace(file, text, now));
    for (const old of writer.descriptors.splice(0, writer.descriptors.length - mostDescriptors))
      closeSync(old);
  } else {
    for (const descriptor of writer.descriptors) {
      ftruncateSync(descriptor);
      writeAll(descriptor, text);
    }
  }
  writer.seen = newest(writer);
}

/** Returns the descriptor of the new file. */
function replace(file: string, text: string, inTheWay: Stats | undefined): number {
  const draft = `${file}.${process.pid}`;
  rmSync(draft, { force: true, recursive: true });
  const descriptor = openToAppend(draft);
  try {
    writeAll(descriptor, text);
    // A folder may be a user's, and a file cannot replace it: it is moved aside.
    if (inTheWay?.isDirectory() === true) renameSync(file, `${file}.${Date.now()}.aside`);
    renameSync(draft, file);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function newest({ descriptors }: Writer): Stats | undefined {
  const last = descriptors.at(-1);
  return last === undefined ? undefined : fstatSync(last);
}
