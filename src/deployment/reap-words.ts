/** What a supervisor tells its keeper, so that no record has to be read: who it is, and where the ledger is open. */
import type { Identity } from '../base/identity.ts';

/** `ledger`: a descriptor. */
export function reapWords(runId: string, { pid, startTime }: Identity, ledger: number): string[] {
  return ['reap', '--supervisor', `${pid}@${startTime}`, '--ledger', String(ledger), '--', runId];
}
