/** Processes that no ledger proves ours, and which of them the user wants ended all the same. */
import { DynamoError } from '../base/error.ts';
import type { ProcessFacts } from '../base/identity.ts';
import type { HeldMemory } from '../gpu/holders.ts';
import type { CleanFindings } from './survey.ts';

/** Listed by `clean`, and left alone unless it is asked for by pid. */
export interface UnownedProcess {
  readonly facts: ProcessFacts;
  readonly name: string;
  /** Empty for one that holds no GPU memory now. */
  readonly memory: readonly HeldMemory[];
  /** Why it is listed. */
  readonly because: string;
}

/** A pid as the user typed it, with the start time where they took it from our list. */
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
    });
  }
  return [...before, { pid: Number(pid), ...(startTime === undefined ? {} : { startTime }) }];
}

/** Throws `not-allowed` for a pid that is not listed, is of a run that is up, or means another process by now. */
export function unownedOf(
  asked: AskedPid,
  unowned: readonly UnownedProcess[],
  findings: CleanFindings,
): UnownedProcess {
  const { pid, startTime } = asked;
  const found = unowned.find(({ facts }) => facts.pid === pid);
  if (found !== undefined && (startTime ?? found.facts.startTime) === found.facts.startTime) return found;
  if (found !== undefined) {
    throw refusal(pid, `is not the process that was listed: that one has ended`, 'dynamo clean --dry-run');
  }
  const run = findings.gpus.holders.find(({ facts }) => facts.pid === pid)?.run;
  if (run?.supervised === true) {
    const { runId } = run.record;
    throw refusal(pid, `is of run ${runId}, which is up`, `dynamo down ${runId}`);
  }
  if (run !== undefined) throw refusal(pid, 'is ended without being asked for', 'dynamo clean');
  throw refusal(pid, 'holds no GPU and carries no mark of ours: clean leaves it alone', `kill ${pid}`);
}

/** Only what holds memory: daemons of the driver have the device files open, too. */
export function unownedOnGpus(unowned: readonly UnownedProcess[]): UnownedProcess[] {
  return unowned.filter(({ memory }) => memory.length > 0);
}

function refusal(pid: number, why: string, hint: string): DynamoError {
  return new DynamoError('not-allowed', `--pid ${pid}: it ${why}.`, { hint });
}
