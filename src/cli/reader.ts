/** Notices when whoever reads our output has left (`dynamo logs -f | head -1`). */
import { hasReader } from '../process/pipe-reader.ts';

const gone = new AbortController();

/** Aborts when stdout is closed; verbs that would print for ever end then, all others finish what they do. */
export const readerGone: AbortSignal = gone.signal;

/** How often one who prints rarely looks whether anybody is there. */
const lookMs = 1_000;

/** For verbs that may have nothing to print for long; ends with the process. */
export function lookForReader(): void {
  setInterval(() => hasReader(1) || gone.abort(), lookMs).unref();
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
