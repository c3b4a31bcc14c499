/** Splits the bytes of a log into lines, whatever a process writes: no newline, progress bars, a megabyte, invalid UTF-8. */
import { Buffer, isAscii } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import { hasControlBytes, hasControls, withoutControls } from '../base/terminal-text.ts';
import { linesOf, textOf } from '../base/logs.ts';
import { maySpill, redact } from '../base/secrets.ts';

export interface LineSplitter {
  /** The lines that these bytes complete, each with its newline. */
  push(bytes: Uint8Array): string;
  /** The text after the last newline, if any. */
  rest(): string | undefined;
}

/**
 * How control characters are shown. `plain`: escape sequences are removed, all others appear as `\x07`. `coloured`: the same,
 * but colours stay. `raw`: the line as the process wrote it.
 */
export type Look = 'plain' | 'coloured' | 'raw';

/** Longer lines are shown in pieces. */
const longestLine = 1024 * 1024;
const newline = 0x0a;

/**
 * If a progress bar redraws a line with carriage returns, only its last state is kept, unless the look is `raw`. Everything
 * that looks like a secret is replaced, because lines end up in CI logs and bug reports.
 */
export function lineSplitter(look: Look = 'plain'): LineSplitter {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  let splitLetter = false;
  /** Decoding UTF-8 takes ten times as long, and logs are nearly always ASCII. */
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
      // Searching bytes is faster than searching text.
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

/** The last state of a line that a progress bar redraws. */
function lastDrawn(line: string): string {
  const drawn = line.replace(/\r+$/, '');
  return drawn.slice(drawn.lastIndexOf('\r') + 1);
}

/** Colours and font weight, which only change how the following text looks. */
// eslint-disable-next-line no-control-regex
const colour = /\u001b\[[\d;:]*m/g;

function withColours(text: string): string {
  // There are nearly always no others.
  if (!hasControls(text.replaceAll(colour, ''))) return text;
  const colours = text.match(colour) ?? [];
  return text
    .split(colour)
    .map((part, i) => `${withoutControls(part)}${colours[i] ?? ''}`)
    .join('');
}
