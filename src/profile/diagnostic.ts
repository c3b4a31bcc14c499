/** One fault in a profile, and how it is shown: position, message, line, caret, fix. */
import { DynamoError, type ErrorCode, type ErrorFields } from '../base/error.ts';
import { quotePath } from '../base/terminal-text.ts';
import { conceal } from '../base/secrets.ts';
import { shownLine } from './shown.ts';
import type { Chooser, Position } from './tree.ts';

export interface Diagnostic {
  readonly at: Position;
  readonly message: string;
  /** What to write instead. */
  readonly fix?: string | undefined;
  /** Set when an option or a variable, not the file, set the value. */
  readonly chooser?: Chooser['kind'] | undefined;
  /** The value is a secret: the line is not shown beyond the position. */
  readonly secret?: true | undefined;
}

const mostShown = 25;
const widest = 100;

/** All problems as one error. `file`: path of the profile as shown, for the suggested command. */
export function invalidProfile(file: string, problems: readonly Diagnostic[]): DynamoError {
  const sorted = distinct(problems).toSorted(byPosition);
  const frames = sorted.slice(0, mostShown).map((problem) => frame(problem).join('\n'));
  const more = sorted.length - frames.length;
  const code = codeOf(sorted);
  const details = [...frames, ...(more > 0 ? [`… and ${more} more`] : [])];
  if (code !== 'profile-invalid') {
    const what = code === 'usage' ? 'An option does' : 'An environment variable does';
    return new DynamoError(code, `${what} not fit profile ${file}.`, {
      details,
      hint: `dynamo profiles show ${quotePath(file)}`,
      fields: { file },
    });
  }
  return new DynamoError(
    code,
    `Profile ${file} has ${sorted.length === 1 ? 'an error' : `${sorted.length} errors`}.`,
    {
      details,
      hint: `dynamo profiles validate ${quotePath(file)}`,
      fields: placeOf(sorted[0]),
    },
  );
}

/** Of the first problem. */
function placeOf(problem: Diagnostic | undefined): ErrorFields<'profile-invalid'> {
  if (problem === undefined) return {};
  const { source, line, column } = problem.at;
  return { file: source.shown, line, column };
}

/** The same for a valid profile that a target cannot run. */
export function refusedProfile(file: string, target: string, problems: readonly Diagnostic[]): DynamoError {
  const frames = distinct(problems).toSorted(byPosition).slice(0, mostShown);
  return new DynamoError('usage', `Profile ${file} cannot run on ${target}.`, {
    details: frames.map((problem) => frame(problem).join('\n')),
    hint: `dynamo profiles show ${quotePath(file)}`,
    impossible: true,
    fields: { file, asked: target },
  });
}

/** A value for a message: shortened, and quoted if it is text. */
export function shownValue(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value !== 'string') return 'a mapping';
  const shown = conceal(value);
  return JSON.stringify(shown.length > 60 ? `${shown.slice(0, 57)}…` : shown);
}

/** The same with its type, for faults in the type. */
export function typedValue(value: unknown): string {
  return typeof value === 'string' ? `string ${shownValue(value)}` : shownValue(value);
}

function frame({ at, message, fix, secret }: Diagnostic): string[] {
  const { source, line, column } = at;
  const written = shownLine(source.lines, line - 1);
  const { text, caret } = cut(secret === true ? `${written.slice(0, column - 1)}***` : written, column);
  const gutter = ' '.repeat(String(line).length + 2);
  return [
    `${source.shown}:${line}:${column}: ${harmless(message)}`,
    `  ${line} | ${text}`,
    `${gutter} | ${caret}^${fix === undefined ? '' : ` ${harmless(fix)}`}`,
  ];
}

/** The part of a line around a column, without control characters, and the padding for a caret below that column. */
function cut(line: string, column: number): { text: string; caret: string } {
  const start = column > widest ? column - Math.floor(widest / 2) : 0;
  const text = harmless(line).slice(start, start + widest);
  // A tab before the caret stays a tab: it is as wide as the one above.
  const caret = text.slice(0, column - 1 - start).replaceAll(/[^\t]/g, ' ');
  return { text, caret: caret.padEnd(column - 1 - start) };
}

/** Control characters in a hostile file must not reach the terminal. */
function harmless(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is replaced
  return text.replaceAll(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '·');
}

function codeOf(problems: readonly Diagnostic[]): ErrorCode {
  if (problems.length === 0) return 'profile-invalid';
  if (problems.every((problem) => chooserOf(problem) === 'option')) return 'usage';
  return problems.every((problem) => chooserOf(problem) === 'environment')
    ? 'environment'
    : 'profile-invalid';
}

/** A fault at a `--set` position came from that option, even if the value does not record it. */
function chooserOf({ chooser, at }: Diagnostic): Diagnostic['chooser'] {
  return chooser ?? (at.source.shown.startsWith('--') ? 'option' : undefined);
}

function distinct(problems: readonly Diagnostic[]): Diagnostic[] {
  return [
    ...new Map(
      problems.map((problem) => {
        const { at, message } = problem;
        return [`${at.source.shown}:${at.line}:${at.column}:${message}`, problem];
      }),
    ).values(),
  ];
}

function byPosition(a: Diagnostic, b: Diagnostic): number {
  if (a.at.source.shown !== b.at.source.shown) return a.at.source.shown < b.at.source.shown ? -1 : 1;
  return a.at.line - b.at.line || a.at.column - b.at.column;
}
