/** Cuts the bytes of a log into lines, whatever a process writes: no newline, progress bars, a megabyte, no UTF-8. */
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

/**
 * Of a line that a progress bar drew over and over with carriage returns, the last state is kept. Whatever looks like
 * a secret is replaced: lines are for people, for CI logs and for bug reports.
 */
export function lineSplitter(keepColours = false): LineSplitter {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  const clean = (line: string): string => {
    const drawn = line.replace(/\r+$/, '');
    const last = drawn.slice(drawn.lastIndexOf('\r') + 1);
    return keepColours ? last : stripVTControlCharacters(last);
  };
  return {
    push: (bytes) => {
      const text = pending + decoder.write(bytes);
      const lines = text.split('\n');
      pending = lines.pop() ?? '';
      if (pending.length > longestLine) {
        lines.push(pending);
        pending = '';
      }
      return maySpill(text) ? lines.map((line) => redact(clean(line))) : lines.map(clean);
    },
    rest: () => (pending === '' ? undefined : redact(clean(pending))),
  };
}
