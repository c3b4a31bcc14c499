/** Repeats a check until it succeeds, frequently at first and rarely later, and frequently again when it is about to succeed. */
import { errorCode, messageOf } from '../base/error-code.ts';
import type { Clock } from '../base/clock.ts';
import { DynamoError, type ErrorFields } from '../base/error.ts';
import type { Sight } from '../supervisor/contracts.ts';

/** What an attempt saw instead: in words, and as values. */
interface Seen {
  readonly seen: string;
  readonly fields?: ErrorFields<'not-ready'>;
}

/** An attempt returns its result, or what it saw instead. */
export type Attempt<T> = (signal: AbortSignal) => Promise<{ readonly done: T } | Seen>;

/** What a wait needs: a clock, a way to cancel it, and a listener for what it saw instead. */
export interface Asking {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly saw: (what: Sight) => void;
  /** The shortest pause now, if many wait at the same time. */
  readonly leastPauseMs?: () => number;
  /** Aborts when there is reason to believe that the next attempt succeeds. */
  readonly soon?: AbortSignal | undefined;
}

const fastMs = 20;
const slowMs = 500;
/**
 * How long to poll fast: mockers and frontends are ready by then. What loads longer says when it is about to be ready, and must
 * not share its processor with a thousand requests until then.
 */
const youngMs = 3_000;

/** Rejects with the reason of `signal` when that aborts, and immediately with a DynamoError of an attempt. `saw` receives what each failed attempt saw. */
export async function poll<T>(
  attempt: Attempt<T>,
  { clock, signal, saw, leastPauseMs = () => 0, soon }: Asking,
): Promise<T> {
  let youngSince = clock.now();
  soon?.addEventListener('abort', () => (youngSince = clock.now()), { once: true });
  const signalOrSoon = soon === undefined ? signal : AbortSignal.any([signal, soon]);
  for (;;) {
    signal.throwIfAborted();
    const result = await attempt(signal).catch((error: unknown): Seen => {
      // Any other error means "not yet": the port is closed, or the answer is not JSON.
      if (error instanceof DynamoError) throw error;
      return { seen: reasonOf(error) };
    });
    signal.throwIfAborted();
    if ('done' in result) return result.done;
    const { seen, fields } = result;
    saw({ text: seen, ...(fields === undefined ? {} : { fields }) });
    const age = clock.now() - youngSince;
    const pause = age < youngMs ? fastMs : Math.min(slowMs, fastMs + (age - youngMs) / 100);
    const wake = soon?.aborted === true ? signal : signalOrSoon;
    await clock.sleep(Math.max(pause, leastPauseMs()), wake).catch(() => signal.throwIfAborted());
  }
}

function reasonOf(error: unknown): string {
  const code = errorCode(error);
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ECONNRESET') return 'connection reset';
  return messageOf(error) || String(code);
}
