/** What the loss of a process means: the run fails, or the process is restarted, with backoff and a limit. */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import type { Plan, ProcessSpec, RestartRule } from '../plan/plan.ts';
import type { Actor } from './actor.ts';
import type { Failure, ProcessState, StopReport } from './events.ts';
import { failureOf, whileLost, withFields } from './failure.ts';
import type { RunStatus } from './status.ts';

interface LossVerdict {
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

/** Infrastructure that is down or has been given up. */
function lostInfra(plan: Plan, { processes }: RunStatus): string[] {
  return plan.processes
    .filter(({ kind, watches }) => kind === 'infra' && watches !== true)
    .map(({ name }) => name)
    .filter((name) => processes[name]?.state !== 'ready' || processes[name].unhealthy !== undefined);
}

interface RecoveryDependencies {
  readonly clock: Clock;
  readonly random: () => number;
  readonly shutdown: AbortSignal;
  readonly enter: (process: string, state: ProcessState) => void;
  readonly fail: (reason: Failure) => void;
  /** Reports what a loss means for the other processes. */
  readonly note: (text: string) => void;
}

/** In place of those of the plan. */
export interface RecoveryTerms {
  readonly rule: RestartRule;
  /** Called in place of the end of the run. */
  readonly giveUp: (reason: Failure) => void;
  /** For each start, beside the limit of its component. */
  readonly withinMs: number;
}

/** Returns a function that settles when the process is ready again or has been given up. It never rejects. */
export function recovery(
  deps: RecoveryDependencies,
): (actor: Actor, lost: Failure, terms?: RecoveryTerms) => Promise<void> {
  const restartsAt = new Map<string, number[]>();
  const { clock, shutdown } = deps;
  return async (actor, lost, terms) => {
    const { name, restart, ifLost } = actor.spec;
    const { rule, giveUp } = terms ?? { rule: restart, giveUp: deps.fail };
    const times = restartsAt.get(name) ?? [];
    restartsAt.set(name, times);
    let reason = lost;
    let request = actor.requests();
    // Stopped, or started by somebody else.
    const abandoned = (): boolean => shutdown.aborted || !actor.wanted() || actor.requests() !== request;
    for (;;) {
      const verdict = afterExit(rule, times, clock.now(), deps.random());
      if (!verdict.restart) {
        return giveUp(verdict.because === 'policy' ? reason : crashLoop(reason, times.length));
      }
      times.push(clock.now());
      if (ifLost !== undefined) deps.note(`${reason.message}: ${ifLost}`);
      deps.enter(name, 'backoff');
      // Children of a dead worker may still hold its GPU and its ports.
      const { left } = await endRest(actor);
      if (abandoned()) return;
      if (left.length > 0) {
        const message = `${reason.message}; still running: ${left.join(', ')}`;
        return giveUp(withFields({ ...reason, message }, { left }));
      }
      await clock.sleep(verdict.delayMs, shutdown).catch(() => {});
      if (abandoned()) return;
      try {
        const started = actor.start(terms === undefined ? {} : { withinMs: terms.withinMs });
        request = actor.requests();
        return await started;
      } catch (error) {
        if (abandoned()) return;
        reason = failureOf(error);
        // It may have started without becoming ready.
        deps.enter(name, 'failed');
      }
    }
  };
}

/** A process that cannot be stopped is reported as left. */
async function endRest(actor: Actor): Promise<StopReport> {
  const child = actor.child();
  if (child === undefined) return { killed: [], left: [] };
  return await child.stop(0).catch((error: unknown) => ({
    killed: [],
    left: [`${child.pid ?? 'container'} (${actor.spec.name}: ${messageOf(error)})`],
  }));
}

function crashLoop(reason: Failure, restarts: number): Failure {
  const message = `${reason.message}; crash loop: it was restarted ${restarts} times`;
  return withFields({ ...reason, message }, { restarts });
}

type Verdict =
  | { readonly restart: true; readonly delayMs: number }
  | { readonly restart: false; readonly because: 'policy' | 'crash loop' };

/**
 * `restartsAt`: when this process was restarted before, in milliseconds. Any exit is a failure, even with code 0: real
 * workers exit with 0 when they lose etcd. `random` in [0, 1) spreads the delay by a fifth, so that workers that died
 * together do not load at the same time.
 */
export function afterExit(
  rule: RestartRule,
  restartsAt: readonly number[],
  now: number,
  random: number,
): Verdict {
  if (rule.policy === 'no') return { restart: false, because: 'policy' };
  const recent = restartsAt.filter((at) => now - at < rule.windowMs).length;
  if (rule.maxRestarts !== undefined && recent >= rule.maxRestarts)
    return { restart: false, because: 'crash loop' };
  if (recent === 0 && rule.firstAtOnce === true) return { restart: true, delayMs: 0 };
  const delay = Math.min(rule.maxDelayMs, rule.firstDelayMs * 2 ** recent);
  return { restart: true, delayMs: Math.round(delay * (0.8 + 0.4 * random)) };
}
