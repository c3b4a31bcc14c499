/** Asks the rules, most specific first: at most one cause is named, and none when no rule fits. */
import type { Diagnosis, Failure } from '../supervisor/events.ts';
import { runsModel, type Plan } from '../plan/plan.ts';
import type { Finding, HostEvidence, HostQuestion, ObservedProcess, Rule, Situation } from './rule.ts';

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

export function diagnose(rules: readonly Rule[], seen: Case, host: HostEvidence): Opinion {
  for (const { rule, situation } of questions(rules, seen, host)) {
    const finding = rule.find(situation);
    if (finding !== undefined) return opinionFrom(rule, situation, finding);
  }
  return { diagnosis: undefined, asks: [] };
}

/**
 * Causes come before consequences, and what the failed process itself says before what others say: a decode worker that
 * ends because it can't reach its prefill is told by the prefill's log, if that one says why.
 */
function* questions(
  rules: readonly Rule[],
  { failure, processes, plan }: Case,
  host: HostEvidence,
): Generator<{ rule: Rule; situation: Situation }> {
  const failed = processes.find(({ spec }) => spec.name === failure.process);
  const subjects = [failed, ...processes.filter((each) => each !== failed)];
  for (const kind of ['cause', 'consequence'] as const) {
    for (const subject of subjects) {
      const others = processes.filter((each) => each !== subject);
      const serving = runsModel(plan) ? plan : undefined;
      const situation: Situation = { failure, subject, others, plan, serving, host };
      for (const rule of rules) if (rule.kind === kind) yield { rule, situation };
    }
  }
}

function opinionFrom(rule: Rule, { subject, failure }: Situation, finding: Finding): Opinion {
  const { asks = [], fromOutside = false, cause, evidence, fix } = finding;
  const spec = fromOutside ? undefined : subject?.spec;
  const elsewhere = spec !== undefined && spec.name !== failure.process;
  const diagnosis: Diagnosis = {
    rule: rule.id,
    cause: elsewhere ? `${spec.name}: ${cause}` : cause,
    evidence,
    ...(spec === undefined ? {} : { seenIn: spec.name, logFile: spec.logFile }),
    fix,
    ...(rule.check === undefined ? {} : { check: rule.check }),
  };
  return { asks, diagnosis };
}
