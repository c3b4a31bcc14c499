/** Cuts the bytes of a log into lines, whatever a process writes: no newline, progress bars, a megabyte, no UTF-8. */
import { Buffer, isAscii } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import { linesOf, textOf } from '../base/lines.ts';
import { maySpill, redact } from '../base/secrets.ts';

export interface LineSplitter {
  /** The whole lines that these bytes end, each with its newline. */
  push(bytes: Uint8Array): string;
  /** What stands after the last newline, if anything. */
  rest(): string | undefined;
}

/** A line longer than this is shown in pieces. */
const longestLine = 1024 * 1024;
const newline = 0x0a;
/** What a terminal would obey: without it a piece of text is shown as it is. */
// eslint-disable-next-line no-control-regex
const control = /[\r\u001b\u009b]/;

/**
 * Of a line that a progress bar drew over and over with carriage returns, the last state is kept. Whatever looks like
 * a secret is replaced: lines are for people, for CI logs and for bug reports.
 */
export function lineSplitter(keepColours = false): LineSplitter {
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
  const clean = (line: string): string => {
    const drawn = line.replace(/\r+$/, '');
    const last = drawn.slice(drawn.lastIndexOf('\r') + 1);
    return keepColours ? last : stripVTControlCharacters(last);
  };
  const cleanText = (text: string, drawn: boolean): string => {
    const spills = maySpill(text);
    if (!drawn && !spills) return text;
    return textOf(
      linesOf(text).map((line) => {
        const cleaned = drawn ? clean(line) : line;
        return spills && maySpill(cleaned) ? redact(cleaned) : cleaned;
      }),
    );
  };
  return {
    push: (bytes) => {
      const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      const cut = all.lastIndexOf(newline) + 1;
      const ended = all.subarray(0, cut);
      // Bytes are searched in a tenth of the time that text takes.
      let drawn = control.test(pending) || (isAscii(ended) ? hasControl(ended) : true);
      let text = ended.length === 0 ? '' : pending + decode(ended);
      if (ended.length > 0) pending = '';
      pending += decode(all.subarray(cut));
      if (pending.length > longestLine) {
        text += `${pending}\n`;
        pending = '';
        drawn = true;
      }
      return text === '' ? '' : cleanText(text, drawn);
    },
    rest: () => (pending === '' ? undefined : redact(clean(pending))),
  };
}

function hasControl(bytes: Buffer): boolean {
  return bytes.includes(0x0d) || bytes.includes(0x1b);
}
