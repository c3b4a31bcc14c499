/** Unowned processes, which no ledger proves to belong to a run, and which of them the user asks to stop. */
import { DynamoError } from '../base/error.ts';
import type { ProcessFacts } from '../base/identity.ts';
import type { HeldMemory } from '../gpu/holders.ts';
import type { CleanFindings } from './survey.ts';

/** Listed by `clean`, and left alone unless the user names its pid. */
export interface UnownedProcess {
  readonly facts: ProcessFacts;
  readonly name: string;
  /** Empty for a process that holds no GPU memory now. */
  readonly memory: readonly HeldMemory[];
  /** Why it is listed. */
  readonly because: string;
}

/** A pid that the user typed, with the start time if it was copied from our list. */
export interface AskedPid {
  readonly pid: number;
  readonly startTime?: string;
}

export function unownedIn({ gpus, marked }: CleanFindings): UnownedProcess[] {
  const holders = gpus.holders
    .filter(({ run, facts }) => run === undefined && facts.pid !== process.pid)
    .map(({ facts, name, memory }): UnownedProcess => {
      const because = memory.length > 0 ? 'holds GPU memory' : 'has GPU device files open';
      return { facts, name, memory, because };
    });
  const others = marked.filter(({ pid }) => !holders.some(({ facts }) => facts.pid === pid));
  return [
    ...holders,
    ...others.map(({ facts, evidence }) => ({ facts, name: facts.command, memory: [], because: evidence })),
  ];
}

/** Parses `4321` or `4321@98765`. Throws `usage`. */
export function askedPid(text: string, before: readonly AskedPid[]): AskedPid[] {
  const [, pid, startTime] = /^(\d+)(?:@(\d+))?$/.exec(text) ?? [];
  if (pid === undefined) {
    throw new DynamoError('usage', `--pid ${JSON.stringify(text)}: expected a pid, as clean lists it.`, {
      hint: 'dynamo clean --dry-run',
      fields: { option: '--pid', asked: text },
    });
  }
  return [...before, { pid: Number(pid), ...(startTime === undefined ? {} : { startTime }) }];
}

/** Throws `not-allowed` for a pid that is not listed, belongs to a live run, or was reused. */
export function unownedOf(
  asked: AskedPid,
  unowned: readonly UnownedProcess[],
  findings: CleanFindings,
): UnownedProcess {
  const { pid, startTime } = asked;
  const found = unowned.find(({ facts }) => facts.pid === pid);
  if (found !== undefined && (startTime ?? found.facts.startTime) === found.facts.startTime) return found;
  if (found !== undefined) {
    throw refusal(pid, `is another process now: the listed one has ended`, 'dynamo clean --dry-run');
  }
  const run = findings.gpus.holders.find(({ facts }) => facts.pid === pid)?.run;
  if (run?.supervised === true) {
    const { runId } = run.record;
    throw refusal(pid, `belongs to run ${runId}, which is up`, `dynamo down ${runId}`);
  }
  if (run !== undefined) throw refusal(pid, 'is stopped by dynamo clean without --pid', 'dynamo clean');
  throw refusal(pid, 'holds no GPU and has no mark of a run, so clean leaves it alone', `kill ${pid}`);
}

/** Only processes that hold memory: daemons of the driver also have the device files open. */
export function unownedOnGpus(unowned: readonly UnownedProcess[]): UnownedProcess[] {
  return unowned.filter(({ memory }) => memory.length > 0);
}

function refusal(pid: number, why: string, hint: string): DynamoError {
  return new DynamoError('not-allowed', `--pid ${pid}: it ${why}.`, { hint, fields: { pid } });
}
