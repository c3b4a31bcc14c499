/** Runs the cases of one deployment in sequence, each with a time limit. */
import { systemClock, timeLimit } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import type { Target } from './target.ts';
import { createClient, type SmokeCase } from './client.ts';
import { CaseError, type CaseResult } from './result.ts';

export interface CaseRules {
  readonly caseTimeoutMs: number;
  readonly failFast: boolean;
  /** Aborts, with the reason, when the deployment is lost or the user cancels. */
  readonly signal: AbortSignal;
  readonly onResult: (result: CaseResult) => void;
}

const lossWithinMs = 250;

/** Never rejects. Cases that were not run are skipped, with the reason. */
export async function runCases(
  cases: readonly SmokeCase[],
  target: Target,
  rules: CaseRules,
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  let over: string | undefined;
  for (const each of cases) {
    const { result, hangs } =
      over === undefined
        ? await runCase(each, target, rules)
        : { result: { name: each.name, state: 'skipped', tookMs: 0, text: over } as const, hangs: false };
    results.push(result);
    rules.onResult(result);
    if (over !== undefined) continue;
    if (rules.signal.aborted) over = `not run: ${messageOf(rules.signal.reason)}`;
    // After one case hangs, the next would also hang, and each would take its whole time limit.
    else if (hangs) over = `not run: ${each.name} hung`;
    else if (rules.failFast && result.state === 'failed') over = `not run: ${each.name} failed`;
  }
  return results;
}

async function runCase(
  { name, run }: SmokeCase,
  target: Target,
  { caseTimeoutMs, signal }: CaseRules,
): Promise<{ result: CaseResult; hangs: boolean }> {
  const begin = performance.now();
  const limit = timeLimit(caseTimeoutMs, systemClock, signal);
  const finish = (state: CaseResult['state'], text: string, hangs = false) => ({
    result: { name, state, tookMs: performance.now() - begin, text },
    hangs,
  });
  try {
    const seen = run(createClient(target.url, limit.signal), target);
    return finish('passed', await Promise.race([seen, rejectedBy(limit.signal)]));
  } catch (error) {
    if (limit.isOver()) return finish('failed', `not finished within ${caseTimeoutMs / 1000} s`, true);
    // A request may fail because a worker is gone before the supervisor has noticed.
    await Promise.race([rejectedBy(signal).catch(() => {}), systemClock.sleep(lossWithinMs)]);
    if (signal.aborted) return finish('failed', messageOf(signal.reason));
    const open = error instanceof CaseError && error.verdict === 'open';
    return finish(open ? 'skipped' : 'failed', messageOf(error));
  } finally {
    limit.clear();
  }
}

async function rejectedBy(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    const give = (): void => reject(signal.reason as Error);
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
}
