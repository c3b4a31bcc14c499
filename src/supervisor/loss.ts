/** Decides what the loss of a process means: that it is started again, or that the run has failed. */
import type { Plan, ProcessSpec } from '../plan/plan.ts';
import type { Failure } from './event.ts';
import { whileLost } from './failure.ts';
import type { RunStatus } from './status.ts';

export interface LossVerdict {
  readonly follows: 'recovery' | 'failure';
  readonly reason: Failure;
}

/** Before the deployment serves nothing comes back: a start that works only the second time is no start. */
export function afterLoss(plan: Plan, status: RunStatus, lost: ProcessSpec, seen: Failure): LossVerdict {
  const reason = lost.kind === 'infra' ? seen : whileLost(seen, lostInfra(plan, status));
  if (status.phase === 'ready') return { follows: 'recovery', reason };
  const duringProof = status.phase === 'proving' ? { duringProof: true as const } : {};
  return { follows: 'failure', reason: { ...reason, ...duringProof } };
}

/** What is down, or lives and has been given up. */
function lostInfra(plan: Plan, { processes }: RunStatus): string[] {
  return plan.processes
    .filter(({ kind }) => kind === 'infra')
    .map(({ name }) => name)
    .filter((name) => processes[name]?.state !== 'ready' || processes[name].unhealthy !== undefined);
}
