/** One request case: what it sends, what must come back, and the two ways in which it does not pass. */
import type { Client } from './client.ts';
import type { Target } from './target.ts';

export interface SmokeCase {
  /** As in reports. */
  readonly name: string;
  fits(target: Target): boolean;
  /** Resolves with what was seen, in a few words. Rejects with a CaseError, or with any error of the exchange. */
  run(client: Client, target: Target): Promise<string>;
}

/** `wrong`: the deployment answered what it must not. `open`: nothing was shown either way. */
export class CaseError extends Error {
  readonly verdict: 'wrong' | 'open';

  constructor(verdict: 'wrong' | 'open', message: string) {
    super(message);
    this.verdict = verdict;
  }
}

export function wrong(message: string): never {
  throw new CaseError('wrong', message);
}

/** For what this model or version cannot show, without being at fault. */
export function leaveOpen(message: string): never {
  throw new CaseError('open', message);
}
