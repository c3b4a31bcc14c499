/** Bytes of a file to text: size and encoding are checked before anything is parsed. */
import type { Diagnostic } from './diagnostic.ts';
import { maxProfileBytes } from './files.ts';
import type { Source } from './tree.ts';

export interface Decoded {
  readonly text: string;
  readonly source: Source;
}

/** Pushes to `problems` and gives undefined when these bytes are no text of a sensible size. */
export function decode(bytes: Uint8Array, shown: string, problems: Diagnostic[]): Decoded | undefined {
  if (bytes.length > maxProfileBytes) {
    const size = (bytes.length / 1024 / 1024).toFixed(1);
    problems.push({
      at: { source: { shown, lines: [] }, line: 1, column: 1 },
      message: `the file is ${size} MiB large; a profile has at most ${maxProfileBytes / 1024 / 1024} MiB`,
      fix: 'is this another file?',
    });
    return undefined;
  }
  // Both decoders drop a byte order mark.
  const text = new TextDecoder('utf-8').decode(bytes);
  const source = { shown, lines: text.split(/\r?\n/) };
  if (isUtf8(bytes)) return { text, source };
  const line = source.lines.findIndex((each) => each.includes('\uFFFD'));
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  problems.push({
    at: { source, line: line + 1, column: (source.lines[line] ?? '').indexOf('\uFFFD') + 1 },
    message: utf16 ? 'the file is UTF-16, not UTF-8' : 'these bytes are not UTF-8',
    fix: 'save the file as UTF-8',
  });
  return undefined;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
