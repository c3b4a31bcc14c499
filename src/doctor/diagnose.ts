/** Asks the rules, most specific first: at most one cause is named, and none when no rule fits. */
import type { Diagnosis } from '../supervisor/diagnosis.ts';
import type { Failure } from '../supervisor/event.ts';
import type { Plan } from '../plan/plan.ts';
import type { HostEvidence, HostQuestion, ObservedProcess, Rule, Situation } from './rule.ts';

export interface Case {
  readonly failure: Failure;
  /** Every process of the plan that was started. */
  readonly processes: readonly ObservedProcess[];
  readonly plan: Plan;
}

export interface Opinion {
  readonly diagnosis: Diagnosis | undefined;
  /** What would tell more; ask again with the answers. */
  readonly asks: readonly HostQuestion[];
}

/**
 * Causes come before consequences, and what the failed process itself says before what others say: a decode worker that
 * ends because it can't reach its prefill is told by the prefill's log, if that one says why.
 */
export function diagnose(rules: readonly Rule[], seen: Case, host: HostEvidence): Opinion {
  const { failure, processes, plan } = seen;
  const failed = processes.find(({ spec }) => spec.name === failure.process);
  const rest = processes.filter((each) => each !== failed);
  const subjects = failed === undefined ? [undefined, ...rest] : [failed, ...rest];
  for (const kind of ['cause', 'consequence'] as const) {
    for (const subject of subjects) {
      const others = processes.filter((each) => each !== subject);
      const situation: Situation = { failure, subject, others, plan, host };
      for (const rule of rules) {
        const finding = rule.kind === kind ? rule.find(situation) : undefined;
        if (finding === undefined) continue;
        const { asks = [], fromOutside = false, ...told } = finding;
        const elsewhere = !fromOutside && subject !== undefined && subject !== failed;
        return {
          asks,
          diagnosis: {
            rule: rule.id,
            cause: elsewhere ? `${subject.spec.name}: ${told.cause}` : told.cause,
            evidence: told.evidence,
            ...(subject === undefined || fromOutside
              ? {}
              : { seenIn: subject.spec.name, logFile: subject.spec.logFile }),
            fix: told.fix,
            ...(rule.check === undefined ? {} : { check: rule.check }),
          },
        };
      }
    }
  }
  return { diagnosis: undefined, asks: [] };
}
