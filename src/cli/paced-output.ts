/** Writes to stdout in large pieces, and says when whoever reads there does not keep up. */
import { readerGone } from './reader.ts';

export interface PacedOutput {
  /** Kept until the next flush. */
  write(text: string): void;
  /** Hands over what was written; a promise while there is no room for more. It never rejects. */
  flush(): Promise<void> | undefined;
}

/** In characters: what one string may hold has an end. */
const longestPiece = 4 * 1024 * 1024;

export function pacedOutput(stream: NodeJS.WriteStream): PacedOutput {
  let pending: string[] = [];
  let length = 0;
  return {
    write: (text) => {
      pending.push(text);
      length += text.length;
      if (length < longestPiece) return;
      stream.write(pending.join(''));
      pending = [];
      length = 0;
    },
    flush: () => {
      const text = pending.join('');
      pending = [];
      length = 0;
      // Where nobody reads any more there is room for everything.
      if (text === '' || readerGone.aborted || stream.write(text)) return undefined;
      return new Promise((resolve) => {
        const done = (): void => {
          stream.off('drain', done);
          readerGone.removeEventListener('abort', done);
          resolve();
        };
        stream.on('drain', done);
        readerGone.addEventListener('abort', done);
      });
    },
  };
}
