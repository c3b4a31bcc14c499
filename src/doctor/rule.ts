/** What a rule of diagnosis gets and returns, and how the rules are asked: at most one cause is named, and none when no rule matches. */
import { isServing, type Plan, type ProcessSpec, type ServingPlan } from '../plan/plan.ts';
import type { Diagnosis, Exit, Failure } from '../supervisor/events.ts';

/** A process of the run with what it wrote in its present or last life. */
export interface ObservedProcess {
  readonly spec: ProcessSpec;
  readonly lines: readonly string[];
  /** Names of all variables in its environment, inherited ones too. Values stand in `spec.env` where it set them. */
  readonly variables: ReadonlySet<string>;
  /** Absent while it lives, or when its end was not seen. */
  readonly exit?: Exit | undefined;
}

export interface GpuHolder {
  readonly pid: number;
  /** Absent where the driver does not tell. */
  readonly usedMiB?: number | undefined;
  /** Command and owner, for people. */
  readonly what: string;
  /** UUID and index of the GPU: a plan may name it by either. */
  readonly gpu: readonly string[];
  /** It belongs to this run of the launcher. */
  readonly run?: string | undefined;
}

/** What the host says now. Absent: nobody has asked yet, or it can't be read. */
export interface HostEvidence {
  /** How many processes the kernel ended for want of memory since the run began. */
  readonly kernelKills?: {
    /** In our own control group, which is proof. */
    readonly cgroup?: number | undefined;
    readonly host?: number | undefined;
  };
  readonly gpuHolders?: readonly GpuHolder[];
  /** Who listens, in words, by port; `undefined` as value: nobody does now. */
  readonly portHolders?: ReadonlyMap<number, string | undefined>;
  /** Whether the etcd of the plan has the alarm NOSPACE; false also when it does not answer. */
  readonly etcdFull?: boolean;
  /** Why nothing can be written where the logs of the run lie: the error of the kernel, and what is free there. */
  readonly unwritable?: { readonly code: string; readonly folder: string; readonly freeBytes: number };
  /** The most bytes that a file may have (`ulimit -f`), and processes whose log has as many. */
  readonly fileLimit?: { readonly bytes: number; readonly reachedBy: ReadonlySet<string> };
  /** Free and total bytes of /dev/shm. */
  readonly shm?: { readonly freeBytes: number; readonly totalBytes: number };
}

/** What a rule would like to know of the host; it is asked again when that is known. */
export type HostQuestion =
  | { readonly about: 'gpu-holders' }
  | { readonly about: 'etcd-full' }
  | { readonly about: 'port-holder'; readonly port: number };

export interface Situation {
  readonly failure: Failure;
  /** Whose lines are looked at: the process that failed, then each of the others. */
  readonly subject: ObservedProcess | undefined;
  readonly others: readonly ObservedProcess[];
  readonly plan: Plan;
  /** The same where it serves a model. */
  readonly serving: ServingPlan | undefined;
  readonly host: HostEvidence;
}

export interface Finding {
  /** One sentence without a full stop. */
  readonly cause: string;
  readonly evidence: readonly string[];
  readonly fix: string;
  readonly asks?: readonly HostQuestion[] | undefined;
  /** The evidence is no line of the subject's log: it was seen from outside. */
  readonly fromOutside?: true;
}

export interface Rule {
  readonly id: string;
  /** Id of the doctor check that goes with it, where there is one. */
  readonly check?: string;
  /** What it sees and what fixes it, in general: for docs/diagnosis.md. */
  readonly sees: string;
  readonly fixes: string;
  /**
   * A consequence (a child died, a peer is not reached) is named only when no cause is found in any log of the run.
   */
  readonly kind: 'cause' | 'consequence';
  readonly find: (situation: Situation) => Finding | undefined;
}

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
      const serving = isServing(plan) ? plan : undefined;
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
