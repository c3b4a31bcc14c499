/** Cuts the bytes of a log into lines, whatever a process writes: no newline, progress bars, a megabyte, no UTF-8. */
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';

export interface LineSplitter {
  push(bytes: Uint8Array): string[];
  /** What stands after the last newline, if anything. */
  rest(): string | undefined;
}

/** A line longer than this is shown in pieces. */
const longestLine = 1024 * 1024;

/** Of a line that a progress bar drew over and over with carriage returns, the last state is kept. */
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
      const lines = (pending + decoder.write(bytes)).split('\n');
      pending = lines.pop() ?? '';
      if (pending.length > longestLine) {
        lines.push(pending);
        pending = '';
      }
      return lines.map(clean);
    },
    rest: () => (pending === '' ? undefined : clean(pending)),
  };
}
