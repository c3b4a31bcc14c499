/** Builds the input of diagnosis rules from recorded logs in test/fixtures/logs. */
import { readFileSync } from 'node:fs';
import { diagnose, type HostEvidence, type ObservedProcess, type Opinion } from '../../src/doctor/rule.ts';
import { rules } from '../../src/doctor/rule-table.ts';
import type { ServingPlan } from '../../src/plan/plan.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Failure } from '../../src/supervisor/events.ts';
import { frontend, host, options, profileOf, worker } from './profile.ts';

const profile = profileOf({
  name: 'disagg',
  model: 'acme/model',
  components: { frontend, prefill: worker('prefill'), decode: worker('decode') },
});

/** A frontend, a prefill and a decode worker. */
export function planOf(change: (plan: ServingPlan) => ServingPlan = (plan) => plan): ServingPlan {
  return change(makePlan(profile, options(), host()));
}

/** Changes one process of a plan. */
export function withProcess(
  name: string,
  change: Partial<ServingPlan['processes'][number]>,
): (plan: ServingPlan) => ServingPlan {
  return (plan) => ({
    ...plan,
    processes: plan.processes.map((spec) => (spec.name === name ? { ...spec, ...change } : spec)),
  });
}

export function logOf(name: string): string[] {
  return readFileSync(new URL(`../fixtures/logs/${name}.log`, import.meta.url), 'utf8').split('\n');
}

export interface Told {
  /** The recorded log of each process; others have none. */
  readonly logs?: Readonly<Record<string, string>>;
  readonly failure?: Partial<Failure>;
  readonly plan?: ServingPlan;
  readonly host?: HostEvidence | undefined;
  readonly variables?: readonly string[];
}

/** The diagnosis by all rules; by default decode has exited with code 1. */
export function opinionOn(told: Told): Opinion {
  const plan = told.plan ?? planOf();
  const failure: Failure = {
    code: 'process-failed',
    message: 'decode exited with code 1',
    process: 'decode',
    exit: { code: 1, signal: undefined },
    ...told.failure,
  };
  const processes = plan.processes.map((spec): ObservedProcess => {
    const log = told.logs?.[spec.name];
    const lines = log === undefined ? [] : logOf(log);
    return { spec, lines, variables: new Set([...Object.keys(spec.env), ...(told.variables ?? [])]) };
  });
  return diagnose(rules, { failure, processes, plan }, told.host ?? {});
}
