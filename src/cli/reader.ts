/** The reader of our output: notices when it is gone (`dynamo logs -f | head -1`), and waits for a slow one. */
import { hasReader, isPipe } from '../process/open-files.ts';
import { watchSignals } from './signals.ts';

const gone = new AbortController();

/** Aborts when stdout is closed; verbs that would print without end stop then, all others finish their work. */
export const readerGone: AbortSignal = gone.signal;

/** To be called once, before anything is written. */
export function watchReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
    gone.abort();
  });
  // Nowhere to report it.
  process.stderr.on('error', () => {});
}

const checkEveryMs = 1_000;

/** Notices it also in verbs that may print nothing for a long time; ends with the process. */
export function watchForReaderGone(): void {
  if (!isPipe(1)) return;
  setInterval(() => hasReader(1) || gone.abort(), checkEveryMs).unref();
}

export interface Interruption {
  /** Aborts on the first signal, when the reader is gone, or by `stop`. */
  readonly signal: AbortSignal;
  readonly stop: () => void;
  /** The first signal that came, if any. */
  readonly first: () => NodeJS.Signals | undefined;
  /** Stops listening to signals. */
  readonly end: () => void;
}

/** For verbs that show something until they are interrupted. */
export function watchForInterruption(): Interruption {
  const over = new AbortController();
  const stop = (): void => over.abort();
  const { first, end } = watchSignals(stop, () => {});
  watchForReaderGone();
  readerGone.addEventListener('abort', stop);
  return { signal: over.signal, stop, first, end };
}

interface PacedOutput {
  /** Buffered until there is enough of it, or until the next flush. */
  write(text: string): void;
  /** Writes out the buffer; returns a promise while the reader has no room for more. It never rejects. */
  flush(): Promise<void> | undefined;
}

/** In characters: joining longer strings costs more than another call to write. */
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
      // Without a reader, there is nothing to wait for.
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
