/** Processes that carry a mark of a run, or are in a session that it left, and that nothing proves: told, and left alone. */
import { readLedger } from '../process/ledger.ts';
import { type MarkedProcess, markedProcesses, unprovenMembers } from '../process/marked.ts';
import { commandLine } from '../process/proc.ts';
import type { StoredRun } from '../run/record.ts';

/** A line each; to be asked when all that is proven has ended. */
export function leftAlone({ record, files }: StoredRun): string[] {
  const members = unprovenMembers(readLedger(files.ledger));
  const found = [...markedProcesses().filter(({ runId }) => runId === record.runId), ...members];
  const once = new Map(found.map((each) => [each.pid, each]));
  return [...once.values()].map((each) => `left alone: ${suspectText(each)}`);
}

/** Who it is, why it is suspected, and the command that ends it. */
export function suspectText({ pid, startTime, evidence }: MarkedProcess): string {
  const command = `dynamo clean --pid ${pid}@${startTime}`;
  return `${pid} (${commandLine(pid, 60)}): ${evidence}, which does not prove it ours; to end it: ${command}`;
}
