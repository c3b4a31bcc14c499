/** What may be left of a run although its ledger does not say so: where that was cut, replaced or removed. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Ledger } from '../process/ledger.ts';
import { markedProcesses } from '../process/marked.ts';
import type { StoredRun } from '../run/record.ts';
import { suspectText } from './left-alone.ts';

/**
 * None when the ledger tells all that was started. Else, in words, the living processes that carry a mark of the run and
 * which nobody can prove; and that nobody knows, when there is none.
 */
export function whatIsUnknown({ record, files }: StoredRun, ledger: Ledger): string[] {
  const untold = writersOf(files.logs).filter((name) => !isIn(ledger, name));
  if (untold.length === 0 && ledger.damage === undefined) return [];
  const marked = markedProcesses().filter(({ runId }) => runId === record.runId);
  if (marked.length > 0) {
    return marked.map(suspectText);
  }
  return untold.map((name) => `${name}: it wrote a log, and the ledger does not name it`);
}

/** Names of the processes that wrote something; one that was never let through its gate left an empty log. */
function writersOf(logs: string): string[] {
  try {
    return readdirSync(logs)
      .filter((file) => file.endsWith('.log') && statSync(join(logs, file)).size > 0)
      .map((file) => file.slice(0, -'.log'.length));
  } catch {
    return [];
  }
}

function isIn({ entries, containers }: Ledger, name: string): boolean {
  return [...entries, ...containers].some((each) => each.process === name);
}
