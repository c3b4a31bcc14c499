/** Writes to stdout in pieces, and says when whoever reads there does not keep up. */
import { readerGone } from './reader.ts';

export interface PacedOutput {
  /** Kept until there is enough of it, or until the next flush. */
  write(text: string): void;
  /** Hands over what was written; a promise while there is no room for more. It never rejects. */
  flush(): Promise<void> | undefined;
}

/** In characters: more in one string would have to be put together, and costs more than a call to write it. */
const pieceLength = 32 * 1024;

export function pacedOutput(stream: NodeJS.WriteStream): PacedOutput {
  let pending = '';
  const handOver = (): void => {
    if (pending !== '') stream.write(pending);
    pending = '';
  };
  return {
    write: (text) => {
      pending += text;
      if (pending.length >= pieceLength) handOver();
    },
    flush: () => {
      handOver();
      // Where nobody reads any more there is room for everything.
      if (readerGone.aborted || !stream.writableNeedDrain) return undefined;
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
