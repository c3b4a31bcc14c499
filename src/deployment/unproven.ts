/** Processes that may belong to a run although nothing proves it: reported, and left alone. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Ledger, readLedger } from '../process/ledger.ts';
import { type MarkedProcess, markedProcesses, unprovenMembers } from '../process/marked.ts';
import type { StoredRun } from '../run/record.ts';
import { commandLine } from '../process/proc.ts';

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

/** A line each; to be asked when all that is proven has ended. */
export function leftAlone({ record, files }: StoredRun): string[] {
  const members = unprovenMembers(readLedger(files.ledger));
  const found = [...markedProcesses().filter(({ runId }) => runId === record.runId), ...members];
  const once = new Map(found.map((each) => [each.pid, each]));
  return [...once.values()].map((each) => `left alone: ${suspectText(each)}`);
}

/** Who it is, why it is suspected, and the command that ends it. */
function suspectText({ pid, startTime, evidence }: MarkedProcess): string {
  const command = `dynamo clean --pid ${pid}@${startTime}`;
  return `${pid} (${commandLine(pid, 60)}): ${evidence}, which does not prove it ours; to end it: ${command}`;
}
