/** Processes that may belong to a run although nothing proves it: reported, and left alone. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Ledger, readLedger } from '../process/ledger.ts';
import { type MarkedProcess, markedProcesses, unprovenMembers } from '../process/marked.ts';
import type { StoredRun } from '../run/record.ts';
import { commandLine, livingProcesses } from '../process/proc.ts';

/**
 * What may be left although the ledger does not list it, in words: running processes that carry a mark of the run; if there are
 * none, the processes that wrote a log. Empty if the ledger is complete.
 */
export function whatIsUnknown({ record, files }: StoredRun, ledger: Ledger): string[] {
  const untold = writersOf(files.logs).filter((name) => !isIn(ledger, name));
  if (untold.length === 0 && ledger.damage === undefined) return [];
  const marked = markedProcesses().filter(({ runId }) => runId === record.runId);
  if (marked.length > 0) {
    return marked.map(suspectText);
  }
  return untold.map((name) => `${name}: it wrote a log, but the ledger does not list it`);
}

/** Names of the processes that wrote a log; one that never passed its gate left an empty file. */
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

/** One line per process; call this when all proven processes have ended. */
export function leftAlone({ record, files }: StoredRun): string[] {
  const living = livingProcesses();
  const members = unprovenMembers(readLedger(files.ledger), living);
  const found = [...markedProcesses(living).filter(({ runId }) => runId === record.runId), ...members];
  const once = new Map(found.map((each) => [each.pid, each]));
  return [...once.values()].map((each) => `left alone: ${suspectText(each)}`);
}

/** The process, the evidence, and the command that stops it. */
function suspectText({ pid, startTime, evidence }: MarkedProcess): string {
  const command = `dynamo clean --pid ${pid}@${startTime}`;
  return `${pid} (${commandLine(pid, 60)}): ${evidence}, which is no proof; to stop it: ${command}`;
}
