/** Ends every process of a run in order, within one budget, and reports what had to be killed and what is left. */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import type { Plan } from '../plan/plan.ts';
import type { Child, Exit, StopReport } from './child.ts';
import type { ProcessState } from './state.ts';

export interface Stopping {
  readonly children: ReadonlyMap<string, Child>;
  readonly clock: Clock;
  readonly enter: (process: string, state: ProcessState, about?: { exit?: Exit }) => void;
  /** True once the user has lost patience. */
  readonly graceless: () => boolean;
}

export async function stopInWaves(plan: Plan, stopping: Stopping): Promise<StopReport> {
  const { children, clock, enter, graceless } = stopping;
  const deadline = plan.stopTimeoutMs === undefined ? Infinity : clock.now() + plan.stopTimeoutMs;
  const reports: StopReport[] = [];
  const stopOne = async (name: string): Promise<void> => {
    const child = children.get(name);
    if (child === undefined) return enter(name, 'stopped');
    enter(name, 'stopping');
    const grace = plan.processes.find((spec) => spec.name === name)?.stopGraceMs ?? 0;
    const budget = graceless() ? 0 : Math.max(0, Math.min(grace, deadline - clock.now()));
    // One that cannot be stopped must not keep the others from being stopped.
    const report = await child.stop(budget).catch((error: unknown): StopReport => ({
      killed: [],
      left: [`${child.pid ?? 'container'} (${name}: ${messageOf(error)})`],
    }));
    reports.push(report);
    const exit = report.left.length === 0 ? await child.exited : undefined;
    enter(name, 'stopped', exit === undefined ? {} : { exit });
  };
  for (const wave of plan.stopOrder) await Promise.all(wave.map(stopOne));
  return {
    killed: reports.flatMap(({ killed }) => killed),
    left: reports.flatMap(({ left }) => left),
  };
}
