/** Cuts the bytes of a log into lines, whatever a process writes: no newline, progress bars, a megabyte, no UTF-8. */
import { Buffer, isAscii } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import { maySpill, redact } from '../base/secrets.ts';

export interface LineSplitter {
  push(bytes: Uint8Array): string[];
  /** What stands after the last newline, if anything. */
  rest(): string | undefined;
}

/** A line longer than this is shown in pieces. */
const longestLine = 1024 * 1024;
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
  const decode = (bytes: Uint8Array): string => {
    const simple = !splitLetter && isAscii(bytes);
    splitLetter = (bytes.at(-1) ?? 0) >= 0x80;
    if (!simple) return decoder.write(bytes);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  };
  const clean = (line: string): string => {
    const drawn = line.replace(/\r+$/, '');
    const last = drawn.slice(drawn.lastIndexOf('\r') + 1);
    return keepColours ? last : stripVTControlCharacters(last);
  };
  return {
    push: (bytes) => {
      const text = pending + decode(bytes);
      const lines = text.split('\n');
      pending = lines.pop() ?? '';
      if (pending.length > longestLine) {
        lines.push(pending);
        pending = '';
      }
      const drawn = control.test(text);
      const spills = maySpill(text);
      if (!drawn && !spills) return lines;
      return lines.map((line) => {
        const cleaned = drawn ? clean(line) : line;
        return spills ? redact(cleaned) : cleaned;
      });
    },
    rest: () => (pending === '' ? undefined : redact(clean(pending))),
  };
}
