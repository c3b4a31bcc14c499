/** Runs the cases of one deployment, one after the other, each within its time. */
import { systemClock, timeLimit } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import type { Target } from './target.ts';
import { createClient, type SmokeCase } from './client.ts';
import { CaseError, type CaseResult } from './result.ts';

export interface CaseRules {
  readonly caseTimeoutMs: number;
  readonly failFast: boolean;
  /** Aborts, with the reason in words, when the deployment is lost or the user has had enough. */
  readonly signal: AbortSignal;
  readonly onResult: (result: CaseResult) => void;
}

const lossWithinMs = 250;

/** Never rejects. What was not tried any more is skipped, and says why. */
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
    if (rules.signal.aborted) over = `not tried: ${messageOf(rules.signal.reason)}`;
    // One that hangs makes the next one hang, too, and each would cost the whole time.
    else if (hangs) over = `not tried: ${each.name} hung`;
    else if (rules.failFast && result.state === 'failed') over = `not tried: ${each.name} failed`;
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
    if (limit.isOver()) return finish('failed', `no end within ${caseTimeoutMs / 1000} s`, true);
    // A request may feel that a worker is gone before the supervisor has seen it.
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
