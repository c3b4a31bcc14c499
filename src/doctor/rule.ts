/** What a rule of diagnosis gets and returns, and how rules are evaluated: at most one cause is named, and none if no rule matches. */
import { runsModel, type Plan, type ProcessSpec, type ServingPlan, type WorkersPlan } from '../plan/plan.ts';
import type { Diagnosis, Exit, Failure } from '../supervisor/events.ts';

/** A process of the run with the log of its current or last start. */
export interface ObservedProcess {
  readonly spec: ProcessSpec;
  readonly lines: readonly string[];
  /** Names of all variables in its environment, including inherited ones. Values that the plan sets are in `spec.env`. */
  readonly variables: ReadonlySet<string>;
  /** Absent while it runs, or if its end was not observed. */
  readonly exit?: Exit | undefined;
}

export interface GpuHolder {
  readonly pid: number;
  /** Absent if the driver does not report it. */
  readonly usedMiB?: number | undefined;
  /** Command and owner, for people. */
  readonly what: string;
  /** UUID and index of the GPU: a plan may use either. */
  readonly gpu: readonly string[];
  /** The run that it belongs to. */
  readonly run?: string | undefined;
}

/** What is known about the host now. Absent fields were not checked yet, or cannot be read. */
export interface HostEvidence {
  /** How many processes the kernel killed for lack of memory since the run started. */
  readonly kernelKills?: {
    /** In the run's own control group, which is proof. */
    readonly cgroup?: number | undefined;
    readonly host?: number | undefined;
  };
  readonly gpuHolders?: readonly GpuHolder[];
  /** Which process listens, by port; `undefined` if none does now. */
  readonly portHolders?: ReadonlyMap<number, string | undefined>;
  /** Whether the etcd of the plan has the alarm NOSPACE; also false if it does not answer. */
  readonly etcdFull?: boolean;
  /** Why the log folder is not writable: the error of the kernel, and the free space. */
  readonly unwritable?: { readonly code: string; readonly folder: string; readonly freeBytes: number };
  /** The file size limit (`ulimit -f`), and processes whose log has reached it. */
  readonly fileLimit?: { readonly bytes: number; readonly reachedBy: ReadonlySet<string> };
  /** Free and total bytes of /dev/shm. */
  readonly shm?: { readonly freeBytes: number; readonly totalBytes: number };
}

/** What a rule needs to know about the host; the rule runs again with the answer. */
export type HostQuestion =
  | { readonly about: 'gpu-holders' }
  | { readonly about: 'etcd-full' }
  | { readonly about: 'port-holder'; readonly port: number };

export interface Situation {
  readonly failure: Failure;
  /** The process whose log is searched: the one that failed, then each of the others. */
  readonly subject: ObservedProcess | undefined;
  readonly others: readonly ObservedProcess[];
  readonly plan: Plan;
  /** `plan`, if it serves a model. */
  readonly serving: ServingPlan | WorkersPlan | undefined;
  readonly host: HostEvidence;
}

export interface Finding {
  /** One sentence without a period. */
  readonly cause: string;
  readonly evidence: readonly string[];
  readonly fix: string;
  readonly asks?: readonly HostQuestion[] | undefined;
  /** The evidence is not from the subject's log. */
  readonly fromOutside?: true;
}

export interface Rule {
  readonly id: string;
  /** Id of the related doctor check, if any. */
  readonly check?: string;
  /** What it matches and how to fix it, in general: for docs/diagnosis.md. */
  readonly sees: string;
  readonly fixes: string;
  /**
   * A consequence (a child died, a peer is unreachable) is reported only if no cause is found in any log of the run.
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
  /** What would help to know more; diagnose again with the answers. */
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
 * Causes before consequences, and the log of the failed process before the logs of others: if a decode worker exits because
 * it cannot reach its prefill worker, the prefill's log may contain the cause.
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
