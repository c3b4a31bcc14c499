/** Notices when whoever reads our output has left (`dynamo logs -f | head -1`). */

const gone = new AbortController();

/** Aborts when stdout is closed; verbs that would print for ever end then, all others finish what they do. */
export const readerGone: AbortSignal = gone.signal;

/** For who sees it without writing. */
export function tellReaderGone(): void {
  gone.abort();
}

/** To be called once, before anything is written. */
export function watchReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
    gone.abort();
  });
  // Nobody to tell it to.
  process.stderr.on('error', () => {});
}
