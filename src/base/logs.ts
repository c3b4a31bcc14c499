/**
 * A log on disk: the file that its process writes, the older part that was rotated out, and a small file with the offset of
 * both in everything that was ever written. Different programs rotate and read it; this is the format that they share.
 */

/** Path of the older part. Followed by the file itself, it is exactly what the process wrote last. */
export function olderPart(file: string): string {
  return `${file}.1`;
}

/** Path of the older part while it is being copied. */
export function draftPart(file: string): string {
  return `${file}.new`;
}

/** Path of the offset; it does not exist before the first rotation. */
export function offsetPart(file: string): string {
  return `${file}.offset`;
}

export interface LogOffset {
  /** Bytes of the log that are no longer in the file; the older part holds the last of them. */
  readonly base: number;
  /** The last rotation truncated the file: what was in it beyond `base` is lost. */
  readonly emptied: boolean;
  /** Pid of the process that is rotating the file now; until it has finished, no position in the file is valid. */
  readonly moving?: number;
}

export const noOffset: LogOffset = { base: 0, emptied: false };

export function offsetText({ base, emptied, moving }: LogOffset): string {
  return `${base} ${emptied ? 'emptied' : 'kept'}${moving === undefined ? '' : ` moving ${moving}`}\n`;
}

/** Any other text counts as no offset. */
export function parseOffset(text: string): LogOffset {
  const [, base, how, moving] = /^(\d{1,15}) (kept|emptied)(?: moving (\d{1,10}))?\n$/.exec(text) ?? [];
  if (base === undefined) return noOffset;
  return {
    base: Number(base),
    emptied: how === 'emptied',
    ...(moving === undefined ? {} : { moving: Number(moving) }),
  };
}

export function linesOf(text: string): string[] {
  return text === '' ? [] : text.slice(0, -1).split('\n');
}

export function textOf(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
