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
