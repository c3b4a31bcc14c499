/** Ends every process of a run in order, within one budget, and reports what had to be killed and what is left. */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import type { Plan } from '../plan/plan.ts';
import type { Child, Exit, StopReport } from './child.ts';
import type { ProcessState } from './state.ts';

/**
 * For a process that has not been ready: nothing is in flight there, and a worker that loads obeys SIGTERM only when it
 * has loaded, minutes later with real weights. Source: upstream/sglang-on-gpu.md section 3.
 */
const loadingGraceMs = 5_000;

export interface Stopping {
  readonly children: ReadonlyMap<string, Child>;
  readonly clock: Clock;
  readonly enter: (process: string, state: ProcessState, about?: { exit?: Exit }) => void;
  /** It was started, and has not been ready. */
  readonly isLoading: (process: string) => boolean;
  /** True once the user has lost patience. */
  readonly graceless: () => boolean;
}

export async function stopInWaves(plan: Plan, stopping: Stopping): Promise<StopReport> {
  const { children, clock, enter, isLoading, graceless } = stopping;
  const deadline = plan.stopTimeoutMs === undefined ? Infinity : clock.now() + plan.stopTimeoutMs;
  const reports: StopReport[] = [];
  const stopOne = async (name: string): Promise<void> => {
    const child = children.get(name);
    if (child === undefined) return enter(name, 'stopped');
    const whole = plan.processes.find((spec) => spec.name === name)?.stopGraceMs ?? 0;
    const grace = isLoading(name) ? Math.min(whole, loadingGraceMs) : whole;
    enter(name, 'stopping');
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
