/**
 * A log on disk: the file that its process writes, the older part that was moved aside, and a small file that says where
 * both stand in all that was ever written. Who moves and who reads are different programs; this is what they agree on.
 */

/** Where the older part stands. Together with the file itself it gives exactly what the process wrote last. */
export function olderPart(file: string): string {
  return `${file}.1`;
}

/** Where the older part grows while it is copied. */
export function draftPart(file: string): string {
  return `${file}.new`;
}

/** Where the offset stands; there is none before the first move. */
export function offsetPart(file: string): string {
  return `${file}.offset`;
}

export interface LogOffset {
  /** Bytes of the log that are not in the file any more: the older part holds the last of them. */
  readonly base: number;
  /** The file was emptied by the last move: what stood in it beyond `base` is lost. */
  readonly emptied: boolean;
  /** Pid of the process that is moving the beginning of the file right now: until it has, no position in it holds. */
  readonly moving?: number;
}

export const noOffset: LogOffset = { base: 0, emptied: false };

export function offsetText({ base, emptied, moving }: LogOffset): string {
  return `${base} ${emptied ? 'emptied' : 'kept'}${moving === undefined ? '' : ` moving ${moving}`}\n`;
}

/** What is not such a text counts as none. */
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
