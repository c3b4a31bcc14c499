/** Records on disk: JSON with a shape and a format version, one per file or one per line; damaged ones are reported once. */
import { object, oneOf, optional, type Shape } from '../base/shape.ts';
import { type Obstacle, type OwnFile, readOwnFile } from './own-file.ts';

/** Incremented when the meaning of a record changes. Absent means 1. */
export const recordFormat = 1;

export type Stored<T> =
  | { readonly kind: 'missing' }
  | { readonly kind: 'damaged'; readonly why: string; readonly obstacle?: Obstacle }
  | { readonly kind: 'good'; readonly value: T };

/** `T` is what `shape` describes. */
export function readStored<T>(file: string, shape: Shape): Stored<T> {
  return storedIn(readOwnFile(file), shape);
}

export function storedIn<T>(read: OwnFile, shape: Shape): Stored<T> {
  if (read.kind === 'missing') return read;
  if (read.kind === 'unreadable') return { ...read, kind: 'damaged' };
  return parsed(read.text, shape);
}

/** The value, or `undefined` if it is missing or damaged; damage is reported with `fix`. */
export function goodOrReport<T>(file: string, stored: Stored<T>, fix: string): T | undefined {
  if (stored.kind === 'damaged') reportDamage({ file, why: stored.why, fix });
  return stored.kind === 'good' ? stored.value : undefined;
}

interface StoredLines<T> {
  readonly values: readonly T[];
  /** What is wrong with the file or with a line. A truncated last line is no damage: a crash leaves one. */
  readonly damage?: string;
}

/** The lines that fit; the others are skipped. `shapeOf` chooses the shape of a line by its contents. */
export function linesOf<T>(
  read: OwnFile,
  shapeOf: (line: object) => Shape,
): StoredLines<T> & { readonly missing: boolean } {
  if (read.kind === 'missing') return { missing: true, values: [] };
  if (read.kind === 'unreadable') return { missing: false, values: [], damage: read.why };
  return { missing: false, ...linesIn<T>(read.text, shapeOf) };
}

function linesIn<T>(text: string, shapeOf: (line: object) => Shape): StoredLines<T> {
  const lines = text.split('\n');
  // Empty, unless the last line has no newline.
  const last = lines.pop() ?? '';
  const values: T[] = [];
  let damage: string | undefined;
  const lineShape: Shape = (value, at) =>
    typeof value === 'object' && value !== null ? shapeOf(value)(value, at) : 'it should be an object';
  for (const [i, line] of lines.entries()) {
    const stored = line === '' ? undefined : parsed<T>(line, lineShape);
    if (stored?.kind === 'good') values.push(stored.value);
    else if (stored?.kind === 'damaged') damage ??= `line ${i + 1}: ${stored.why}`;
  }
  const stored = last === '' ? undefined : parsed<T>(last, lineShape);
  if (stored?.kind === 'good') values.push(stored.value);
  else if (stored?.kind === 'damaged' && lines.length === 0) damage = stored.why;
  return { values, ...(damage === undefined ? {} : { damage }) };
}

const numbered = object({ format: optional(oneOf(recordFormat)) });

function parsed<T>(text: string, shape: Shape): Stored<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return {
      kind: 'damaged',
      why: text.trim() === '' ? 'it is empty' : 'it is not valid JSON, or truncated',
    };
  }
  const format = numbered(value, '') === undefined ? undefined : formatOf(value);
  if (format !== undefined) {
    return { kind: 'damaged', why: `it has format ${format}; this version reads format ${recordFormat}` };
  }
  const problem = shape(value, '');
  return problem === undefined ? { kind: 'good', value: value as T } : { kind: 'damaged', why: problem };
}

function formatOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('format' in value)) return undefined;
  return JSON.stringify(value.format);
}

export interface Damage {
  readonly file: string;
  /** What is wrong with it, in words. */
  readonly why: string;
  /** One command that helps. */
  readonly fix: string;
}

const reported = new Set<string>();
let listener: (damage: Damage) => void = () => {};

/** Sets the listener for damaged files; it replaces the previous one. */
export function onDamage(tell: (damage: Damage) => void): void {
  listener = tell;
}

export function reportDamage(damage: Damage): void {
  if (reported.has(damage.file)) return;
  reported.add(damage.file);
  listener(damage);
}
