/** Cuts the bytes of a log into lines, whatever a process writes: no newline, progress bars, a megabyte, no UTF-8. */
import { Buffer, isAscii } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import { hasControlBytes, hasControls, withoutControls } from '../base/terminal-text.ts';
import { linesOf, textOf } from '../base/logs.ts';
import { maySpill, redact } from '../base/secrets.ts';

export interface LineSplitter {
  /** The whole lines that these bytes end, each with its newline. */
  push(bytes: Uint8Array): string;
  /** What stands after the last newline, if anything. */
  rest(): string | undefined;
}

/**
 * What becomes of control characters. `plain`: escape sequences go, all others are shown as `\x07`. `coloured`: the same,
 * but colours stay. `raw`: the line is as the process wrote it.
 */
export type Look = 'plain' | 'coloured' | 'raw';

/** A line longer than this is shown in pieces. */
const longestLine = 1024 * 1024;
const newline = 0x0a;

/**
 * Of a line that a progress bar drew over and over with carriage returns, the last state is kept, unless it is `raw`.
 * Whatever looks like a secret is replaced: lines are for people, for CI logs and for bug reports.
 */
export function lineSplitter(look: Look = 'plain'): LineSplitter {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  let splitLetter = false;
  /** A decoder of UTF-8 takes ten times as long, and logs are nearly always ASCII. */
  const decode = (bytes: Buffer): string => {
    if (bytes.length === 0) return '';
    const simple = !splitLetter && isAscii(bytes);
    splitLetter = (bytes.at(-1) ?? 0) >= 0x80;
    return simple ? bytes.toString('latin1') : decoder.write(bytes);
  };
  const clean = look === 'coloured' ? withColours : withoutControls;
  const cleanText = (text: string, controlled: boolean): string => {
    const drawn = controlled && text.includes('\r') ? textOf(linesOf(text).map(lastDrawn)) : text;
    const cleaned = controlled ? clean(drawn) : drawn;
    if (!maySpill(cleaned)) return cleaned;
    return textOf(linesOf(cleaned).map((line) => (maySpill(line) ? redact(line) : line)));
  };
  return {
    push: (bytes) => {
      const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      const cut = all.lastIndexOf(newline) + 1;
      const ended = all.subarray(0, cut);
      const text = ended.length === 0 ? '' : pending + decode(ended);
      const before = pending;
      if (ended.length > 0) pending = '';
      pending += decode(all.subarray(cut));
      const overlong = pending.length > longestLine ? `${pending}\n` : '';
      if (overlong !== '') pending = '';
      if (text === '' && overlong === '') return '';
      // In bytes they are found sooner than in text.
      const controlled =
        look !== 'raw' &&
        (hasControls(before + overlong) || (isAscii(ended) ? hasControlBytes(ended) : hasControls(text)));
      return cleanText(text + overlong, controlled);
    },
    rest: () => {
      if (pending === '') return undefined;
      return redact(look === 'raw' ? pending : clean(lastDrawn(pending)));
    },
  };
}

/** What a progress bar has left of a line. */
function lastDrawn(line: string): string {
  const drawn = line.replace(/\r+$/, '');
  return drawn.slice(drawn.lastIndexOf('\r') + 1);
}

/** Colours and weight of letters, which change nothing but how the following looks. */
// eslint-disable-next-line no-control-regex
const colour = /\u001b\[[\d;:]*m/g;

function withColours(text: string): string {
  // Nearly always there are no others.
  if (!hasControls(text.replaceAll(colour, ''))) return text;
  const colours = text.match(colour) ?? [];
  return text
    .split(colour)
    .map((part, i) => `${withoutControls(part)}${colours[i] ?? ''}`)
    .join('');
}
